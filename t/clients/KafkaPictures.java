import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Properties;
import java.util.stream.Collectors;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Writes pictures to a topic of Kafka, by Kafka's own client; arguments are
 * those of kafka_pictures.py. Run from its source:
 *
 * <pre>java -cp 'build/kafka/lib/*' t/clients/KafkaPictures.java ...</pre>
 */
public class KafkaPictures {

    record Camera(String id, List<Path> pictures) {
    }

    static List<Path> list(Path folder) throws Exception {
        try (var entries = Files.list(folder)) {
            return entries.sorted().collect(Collectors.toList());
        }
    }

    static byte[] value(String form, String camera, int number, byte[] jpeg) {
        if (form.equals("jpeg")) {
            return jpeg;
        }

        // As Java's mail and Gson write it: over lines, and = escaped.
        if (form.equals("base64")) {
            return Base64.getMimeEncoder().encode(jpeg);
        }

        String text = Base64.getEncoder().encodeToString(jpeg)
            .replace("=", "\\u003d");

        return ("{\"source\":\"" + camera + "\",\"frame_number\":" + number
            + ",\"size\":{\"bytes\":" + jpeg.length + "},\"frame\":\"" + text
            + "\"}").getBytes(StandardCharsets.UTF_8);
    }

    public static void main(String[] args) throws Exception {
        String topic = args[1], form = args[2];
        boolean keyed = args[3].equals("id");
        double rate = Double.parseDouble(args[4]);
        List<Camera> cameras = new ArrayList<>();
        int most = 0;

        for (Path folder : list(Path.of(args[5]))) {
            Camera camera =
                new Camera(folder.getFileName().toString(), list(folder));
            cameras.add(camera);
            most = Math.max(most, camera.pictures().size());
        }

        Properties properties = new Properties();
        properties.put("bootstrap.servers", args[0]);
        properties.put("acks", "1");
        properties.put("max.request.size", "20000000");

        try (var producer = new KafkaProducer<>(properties,
                new StringSerializer(), new ByteArraySerializer())) {
            producer.partitionsFor(topic);
            long start = System.nanoTime();

            for (int number = 0; number < most; number++) {
                if (rate > 0) {
                    long due = start + (long) (number / rate * 1e9);
                    Thread.sleep(
                        Math.max(0, (due - System.nanoTime()) / 1_000_000));
                }

                for (Camera camera : cameras) {
                    if (number < camera.pictures().size()) {
                        producer.send(new ProducerRecord<>(topic,
                            keyed ? camera.id() : null,
                            value(form, camera.id(), number,
                                Files.readAllBytes(
                                    camera.pictures().get(number)))));
                    }
                }
            }
        }
    }
}
