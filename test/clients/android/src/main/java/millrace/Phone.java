package millrace;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.keen.client.java.FileEventStore;
import io.keen.client.java.KeenClient;
import io.keen.client.java.KeenEventStore;
import io.keen.client.java.KeenJsonHandler;
import io.keen.client.java.KeenProject;
import io.keen.client.java.http.Request;
import io.keen.client.java.http.UrlConnectionHttpHandler;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.Reader;
import java.io.Writer;
import java.net.HttpURLConnection;
import java.net.URL;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.DeflaterOutputStream;

/**
 * A phone: the real core of the Android SDK (its file store, its batches, its reading of receipts) with the transport that
 * td-android-sdk up to 0.6 puts around it. Every third answer is lost on the way back, so that the SDK sends the batch again.
 * Arguments: endpoint, write key, directory of the event store, events, database. Prints what is left in the store.
 */
public final class Phone {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int ROUNDS = 40;

    public static void main(String[] args) throws Exception {
        File directory = new File(args[2]);
        int events = Integer.parseInt(args[3]);
        String database = args[4];
        KeenProject project = new KeenProject("_td", args[1], "_unused");
        Client client = new Client(directory, new Transport(args[0], args[1]));
        client.client.setMaxUploadEventsAtOnce(100);
        for (int i = 0; i < events; i++) {
            Map<String, Object> event = new HashMap<>();
            event.put("n", i);
            event.put("text", "tap é 日 " + i);
            event.put("#UUID", java.util.UUID.randomUUID().toString());
            if (i % 5 == 0) event.put("#SSUT", true);
            client.client.queueEvent(project, database + (i % 2 == 0 ? ".taps" : ".screens"), event, null, null);
        }
        for (int round = 0; round < ROUNDS && client.left() > 0; round++) client.client.sendQueuedEvents(project);
        System.out.println("{\"queued\":" + events + ",\"left\":" + client.left() + ",\"lostAnswers\":" + Transport.lost + "}");
    }

    private static final class Client {
        final KeenClient client;
        private final KeenEventStore store;

        Client(File directory, Transport transport) throws IOException {
            store = new FileEventStore(directory);
            client = new KeenClient.Builder() {
                @Override
                protected KeenJsonHandler getDefaultJsonHandler() {
                    return new Json();
                }
            }.withHttpHandler(transport).withEventStore(store).build();
        }

        int left() throws IOException {
            int left = 0;
            for (List<Object> handles : store.getHandles("_td", 100_000).values()) left += handles.size();
            return left;
        }
    }

    /** As td-android-sdk 0.6 posts: one path for all tables, its own key header, the body deflated. */
    private static final class Transport extends UrlConnectionHttpHandler {
        static int lost = 0;
        private final String endpoint;
        private final String writeKey;
        private int answered = 0;

        Transport(String endpoint, String writeKey) {
            this.endpoint = endpoint;
            this.writeKey = writeKey;
        }

        @Override
        protected HttpURLConnection openConnection(Request request) throws IOException {
            HttpURLConnection connection = (HttpURLConnection) new URL(endpoint + "/android/v3/event").openConnection();
            connection.setConnectTimeout(30_000);
            connection.setReadTimeout(30_000);
            return connection;
        }

        @Override
        protected void sendRequest(HttpURLConnection connection, Request request) throws IOException {
            connection.setRequestMethod("POST");
            connection.setRequestProperty("X-TD-Write-Key", writeKey);
            connection.setRequestProperty("X-TD-Data-Type", "k");
            connection.setRequestProperty("Content-Type", "application/json");
            connection.setRequestProperty("Accept", "application/json");
            connection.setRequestProperty("Content-Encoding", "deflate");
            connection.setDoOutput(true);
            ByteArrayOutputStream body = new ByteArrayOutputStream();
            try (DeflaterOutputStream deflater = new DeflaterOutputStream(body)) {
                request.body.writeTo(deflater);
            }
            connection.getOutputStream().write(body.toByteArray());
            connection.connect();
        }

        @Override
        protected io.keen.client.java.http.Response readResponse(HttpURLConnection connection) throws IOException {
            io.keen.client.java.http.Response response = super.readResponse(connection);
            if (++answered % 3 == 1) {
                lost++;
                throw new IOException("the answer was lost on the way");
            }
            return response;
        }
    }

    private static final class Json implements KeenJsonHandler {
        @Override
        @SuppressWarnings("unchecked")
        public Map<String, Object> readJson(Reader reader) throws IOException {
            return JSON.readValue(reader, Map.class);
        }

        @Override
        public Map<String, Object> readJsonWithoutDecryption(Reader reader) throws IOException {
            return readJson(reader);
        }

        @Override
        public void writeJson(Writer writer, Map<String, ?> value) throws IOException {
            // The SDK hands the stream of the request in; closing it is the SDK's business.
            writer.write(JSON.writeValueAsString(value));
            writer.flush();
        }

        @Override
        public void writeJsonWithoutEncryption(Writer writer, Map<String, ?> value) throws IOException {
            writeJson(writer, value);
        }
    }
}
