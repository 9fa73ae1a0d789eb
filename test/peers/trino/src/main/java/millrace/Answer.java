package millrace;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.trino.Session;
import io.trino.plugin.memory.MemoryPlugin;
import io.trino.plugin.tpch.TpchPlugin;
import io.trino.spi.TrinoException;
import io.trino.spi.connector.CatalogSchemaName;
import io.trino.spi.security.PrincipalType;
import io.trino.spi.security.TrinoPrincipal;
import io.trino.spi.type.SqlVarbinary;
import io.trino.spi.type.TimeZoneKey;
import io.trino.sql.parser.ParsingException;
import io.trino.testing.LocalQueryRunner;
import io.trino.testing.MaterializedResult;
import io.trino.testing.MaterializedRow;
import io.trino.testing.QueryRunner;
import io.trino.testing.StandaloneQueryRunner;
import io.trino.testing.TestingSession;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A Trino engine in one process, asked over a socket on the loopback address. A question is a line of JSON, {"sql": …, "zone": …, "schema": …};
 * the answer is one: {"types": […], "rows": [[…], …]} or {"error": NAME, "message": …}. Prints the port once it listens.
 *
 * Without arguments the engine is a test's, which runs one task in one thread and starts fast. With `server` it is a whole Trino server, asked
 * by Trino's own client, with the catalog `tpch` of generated tables beside the one in memory.
 */
public final class Answer {
  private static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] arguments) throws Exception {
    // A server takes the standard output for its log.
    PrintStream output = System.out;
    QueryRunner runner = List.of(arguments).contains("server") ? server() : local();
    ExecutorService pool = Executors.newCachedThreadPool();
    try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      output.println(server.getLocalPort());
      while (true) {
        Socket socket = server.accept();
        pool.submit(() -> serve(runner, socket));
      }
    }
  }

  private static QueryRunner local() {
    LocalQueryRunner runner = LocalQueryRunner.create(session("UTC", "db"));
    runner.installPlugin(new MemoryPlugin());
    runner.createCatalog("td-presto", "memory", Map.of("memory.max-data-per-node", "2GB"));
    for (String schema : List.of("db", "tpch", "tpcds")) createSchema(runner, schema);
    return runner;
  }

  private static QueryRunner server() throws Exception {
    StandaloneQueryRunner runner = new StandaloneQueryRunner(session("UTC", "tpch"));
    runner.installPlugin(new MemoryPlugin());
    runner.createCatalog("td-presto", "memory", Map.of("memory.max-data-per-node", "4GB"));
    runner.installPlugin(new TpchPlugin());
    runner.createCatalog("tpch", "tpch", Map.of("tpch.column-naming", "STANDARD", "tpch.double-type-mapping", "DECIMAL"));
    runner.execute("CREATE SCHEMA \"td-presto\".tpch");
    return runner;
  }

  /** This kind of runner executes queries, INSERT and CREATE TABLE AS, and no other statement. */
  private static void createSchema(LocalQueryRunner runner, String schema) {
    TrinoPrincipal owner = new TrinoPrincipal(PrincipalType.USER, "user");
    runner.inTransaction(session -> {
      runner.getMetadata().createSchema(session, new CatalogSchemaName("td-presto", schema), Map.of(), owner);
      return null;
    });
  }

  private static Session session(String zone, String schema) {
    return TestingSession.testSessionBuilder()
        .setCatalog("td-presto")
        .setSchema(schema)
        .setTimeZoneKey(TimeZoneKey.getTimeZoneKey(zone))
        .build();
  }

  private static void serve(QueryRunner runner, Socket socket) {
    try (socket;
        BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(socket.getOutputStream(), false, StandardCharsets.UTF_8)) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        JsonNode question = JSON.readTree(line);
        ObjectNode answer;
        try {
          answer = rows(runner.execute(session(question.path("zone").asText("UTC"), question.path("schema").asText("db")), question.get("sql").asText()));
        } catch (Throwable error) {
          answer = JSON.createObjectNode().put("error", nameOf(error)).put("message", String.valueOf(error.getMessage()));
        }
        out.print(JSON.writeValueAsString(answer));
        out.print('\n');
        out.flush();
      }
    } catch (IOException error) {
      System.err.println("the connection ended: " + error.getMessage());
    }
  }

  private static String nameOf(Throwable error) {
    for (Throwable cause = error; cause != null; cause = cause.getCause()) {
      if (cause instanceof TrinoException known) return known.getErrorCode().getName();
      if (cause instanceof ParsingException) return "SYNTAX_ERROR";
    }
    return "GENERIC_INTERNAL_ERROR";
  }

  private static ObjectNode rows(MaterializedResult result) {
    ObjectNode answer = JSON.createObjectNode();
    ArrayNode types = answer.putArray("types");
    result.getTypes().forEach(type -> types.add(type.getDisplayName()));
    ArrayNode rows = answer.putArray("rows");
    for (MaterializedRow row : result.getMaterializedRows()) rows.add(list(row.getFields()));
    return answer;
  }

  private static ArrayNode list(List<?> values) {
    ArrayNode list = JSON.createArrayNode();
    values.forEach(value -> list.add(node(value)));
    return list;
  }

  /** Maps become lists of pairs; what JSON has no value for becomes text. */
  private static JsonNode node(Object value) {
    if (value == null) return JSON.nullNode();
    if (value instanceof MaterializedRow row) return list(row.getFields());
    if (value instanceof List<?> items) return list(items);
    if (value instanceof SqlVarbinary bytes) return JSON.valueToTree(HexFormat.of().formatHex(bytes.getBytes()));
    if (value instanceof byte[] bytes) return JSON.valueToTree(HexFormat.of().formatHex(bytes));
    if (value instanceof Long number && (number > 1L << 53 || number < -(1L << 53))) return JSON.valueToTree(number.toString());
    if (value instanceof Float number) return number.isNaN() || number.isInfinite() ? JSON.valueToTree(number.toString()) : JSON.valueToTree(Double.valueOf(number.toString()));
    if (value instanceof Double number && (number.isNaN() || number.isInfinite())) return JSON.valueToTree(number.toString());
    if (value instanceof Boolean || value instanceof Number && !(value instanceof java.math.BigDecimal)) return JSON.valueToTree(value);
    if (value instanceof Map<?, ?> map) {
      ArrayNode pairs = JSON.createArrayNode();
      map.forEach((key, item) -> pairs.add(JSON.createArrayNode().add(node(key)).add(node(item))));
      return pairs;
    }
    return JSON.valueToTree(value.toString());
  }
}
