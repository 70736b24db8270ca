// Asks `assay serve` for predictions with nothing but the JDK.
//
//   javac Predict.java && java Predict http://127.0.0.1:8080 KEY rows.jsonl
//
// rows.jsonl holds one JSON object a line, column to value, null where it is missing. Prints the answer as JSON.
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.Collectors;

public final class Predict {
    private Predict() {
    }

    public static void main(String[] arguments) throws IOException, InterruptedException {
        String address = arguments[0], key = arguments[1];
        String rows = Files.readAllLines(Path.of(arguments[2])).stream()
                .filter(line -> !line.isBlank())
                .collect(Collectors.joining(",", "{\"rows\":[", "]}"));

        HttpClient client = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();
        HttpRequest request = HttpRequest.newBuilder(URI.create(address + "/predict"))
                .timeout(Duration.ofSeconds(30))
                .header("authorization", "Bearer " + key)
                .header("content-type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(rows))
                .build();
        HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
        if (response.statusCode() != 200) {
            System.err.println(response.statusCode() + " " + response.body());
            System.exit(1);
        }
        System.out.println(response.body());
    }
}
