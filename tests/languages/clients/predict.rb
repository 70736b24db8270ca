# Asks `assay serve` for predictions with Ruby's standard library.
#
#   ruby predict.rb http://127.0.0.1:8080 KEY rows.jsonl
#
# rows.jsonl holds one JSON object a line, column to value, null where it is missing. Prints one answer a line.
require "json"
require "net/http"

address, key, file = ARGV
rows = File.readlines(file, encoding: "UTF-8").reject { |line| line.strip.empty? }.map { |line| JSON.parse(line) }

response = Net::HTTP.post(
  URI("#{address}/predict"),
  JSON.generate("rows" => rows),
  "authorization" => "Bearer #{key}", "content-type" => "application/json"
)
abort "#{response.code} #{response.body}" unless response.is_a?(Net::HTTPSuccess)

JSON.parse(response.body)["predictions"].each { |answer| puts JSON.generate(answer) }
