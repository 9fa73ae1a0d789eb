package millrace;

import java.io.DataInputStream;
import java.io.FileInputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Sends every body of a file (4-byte length, bytes) to a topic, so many in flight, and waits for all acknowledgements.
 * Arguments: bootstrap server, topic, file, in flight, rounds. Prints the seconds of each round as JSON.
 */
public final class Produce {
    public static void main(String[] args) throws Exception {
        List<byte[]> bodies = new ArrayList<>();
        try (DataInputStream file = new DataInputStream(new FileInputStream(args[2]))) {
            while (file.available() > 0) {
                byte[] body = new byte[file.readInt()];
                file.readFully(body);
                bodies.add(body);
            }
        }
        Properties settings = new Properties();
        settings.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        settings.put(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
        settings.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
        settings.put(ProducerConfig.ACKS_CONFIG, "all");
        settings.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
        settings.put(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, 32 << 20);
        StringBuilder seconds = new StringBuilder();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings)) {
            for (int round = 0; round < Integer.parseInt(args[4]); round++) {
                Semaphore inFlight = new Semaphore(Integer.parseInt(args[3]));
                CountDownLatch left = new CountDownLatch(bodies.size());
                AtomicReference<Exception> failed = new AtomicReference<>();
                long started = System.nanoTime();
                for (byte[] body : bodies) {
                    inFlight.acquire();
                    producer.send(new ProducerRecord<>(args[1], body), (metadata, error) -> {
                        if (error != null) failed.set(error);
                        inFlight.release();
                        left.countDown();
                    });
                }
                left.await();
                if (failed.get() != null) throw failed.get();
                seconds.append(round == 0 ? "" : ",").append((System.nanoTime() - started) / 1e9);
            }
        }
        System.out.println("[" + seconds + "]");
    }
}
