// Speaks the Open Inference Protocol v2 with nothing but the JDK; the answer comes back as binary tensors.
//
//   javac Infer.java && java Infer http://127.0.0.1:8080 KEY model rows.tsv probabilities
//
// rows.tsv has a first line of name:datatype (FP64, BOOL or BYTES) and then a line a row; \N is missing.
// Prints the values of the output that is named last, one row a line.
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

public final class Infer {
    private Infer() {
    }

    public static void main(String[] arguments) throws IOException, InterruptedException {
        String address = arguments[0], key = arguments[1], model = arguments[2], output = arguments[4];
        List<String[]> lines = new ArrayList<>();
        for (String line : Files.readAllLines(Path.of(arguments[3]))) {
            lines.add(line.split("\t", -1));
        }
        int rows = lines.size() - 1;

        StringBuilder inputs = new StringBuilder();
        for (int column = 0; column < lines.get(0).length; column++) {
            String head = lines.get(0)[column];
            int colon = head.lastIndexOf(':');
            String datatype = head.substring(colon + 1);
            StringBuilder data = new StringBuilder();
            for (int row = 1; row <= rows; row++) {
                String cell = lines.get(row)[column];
                data.append(row > 1 ? "," : "").append(cell.equals("\\N") ? "null" : datatype.equals("BYTES") ? quoted(cell) : cell);
            }
            inputs.append(column > 0 ? "," : "").append("{\"name\":").append(quoted(head.substring(0, colon)))
                    .append(",\"datatype\":\"").append(datatype).append("\",\"shape\":[").append(rows)
                    .append("],\"data\":[").append(data).append("]}");
        }
        String body = "{\"inputs\":[" + inputs + "],\"outputs\":[{\"name\":" + quoted(output)
                + ",\"parameters\":{\"binary_data\":true}}]}";

        HttpClient client = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();
        HttpRequest request = HttpRequest.newBuilder(URI.create(address + "/v2/models/" + model + "/infer"))
                .timeout(Duration.ofSeconds(30))
                .header("authorization", "Bearer " + key)
                .header("content-type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build();
        HttpResponse<byte[]> response = client.send(request, HttpResponse.BodyHandlers.ofByteArray());
        if (response.statusCode() != 200) {
            System.err.println(response.statusCode() + " " + new String(response.body(), "UTF-8"));
            System.exit(1);
        }
        int json = response.headers().firstValueAsLong("Inference-Header-Content-Length").isPresent()
                ? (int) response.headers().firstValueAsLong("Inference-Header-Content-Length").getAsLong() : 0;
        String head = new String(response.body(), 0, json, "UTF-8");
        boolean single = head.contains("\"FP32\"");
        ByteBuffer values = ByteBuffer.wrap(response.body(), json, response.body().length - json).order(ByteOrder.LITTLE_ENDIAN);
        int wide = values.remaining() / (single ? 4 : 8) / rows;
        for (int row = 0; row < rows; row++) {
            double[] own = new double[wide];
            for (int k = 0; k < wide; k++) {
                own[k] = single ? values.getFloat() : values.getDouble();
            }
            System.out.println(Arrays.toString(own));
        }
    }

    private static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            out.append(c == '"' || c == '\\' ? "\\" + c : c < ' ' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
        }
        return out.append('"').toString();
    }
}
