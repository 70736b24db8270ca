// Predicts rows with an exported graph, in Node or anywhere else where onnxruntime runs.
//
//   ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node     (or onnxruntime-web: the WebAssembly build, which browsers run too)
//   ORT_DISABLE_TELEMETRY=1 node predict.mjs late.onnx rows.jsonl [onnxruntime-web]
//
// rows.jsonl holds one JSON object a line, as POST /predict takes them; null is missing. One answer a line comes out.
import { readFileSync } from "node:fs";

const [graph, rowsFile, runtime = "onnxruntime-node"] = process.argv.slice(2);
const ort = await import(runtime);
const MISSING = "\ue000"; // stands for a missing text in the graph

const lines = readFileSync(rowsFile, "utf8").split("\n").filter((line) => line.trim());
const rows = lines.map((line) => JSON.parse(line));

const options = { executionProviders: [runtime === "onnxruntime-web" ? "wasm" : "cpu"], logSeverityLevel: 3 };
const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(graph)), options);

// One tensor a column, [rows, 1]: text as it is, numbers as doubles with NaN for missing.
const feeds = {};
for (const { name, type } of session.inputMetadata) {
  const column = name.startsWith("input ") && !(name in rows[0]) ? name.slice(6) : name;
  const values = rows.map((row) => row[column]);
  feeds[name] =
    type === "string"
      ? new ort.Tensor("string", values.map((value) => value ?? MISSING), [rows.length, 1])
      : new ort.Tensor("float64", Float64Array.from(values, (value) => (value === null ? NaN : Number(value))), [rows.length, 1]);
}

const result = await session.run(feeds);
rows.forEach((_, i) => {
  const answer = {};
  for (const [name, tensor] of Object.entries(result)) {
    const width = tensor.dims.slice(1).reduce((product, size) => product * Number(size), 1);
    const part = Array.from(tensor.data.slice(i * width, (i + 1) * width), (v) => (typeof v === "bigint" ? Number(v) : v));
    answer[name] = tensor.dims.length === 1 ? part[0] : part;
  }
  console.log(JSON.stringify(answer));
});
