/*
 * Reads frames of vstream from Kafka, and says what came:
 *
 *     java -cp 'lib/*' Frames.java BROKERS [TOPIC [COUNT]]
 *
 * with the jar kafka-clients, and what it needs, in lib.  Reads until Ctrl-C,
 * or COUNT frames.  What is not as the schemas say is told on standard error,
 * and the end's status is 1.
 */

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

public class Frames {

    /* A header's text; "": there is none. */
    static String header(ConsumerRecord<String, byte[]> record, String name) {
        Header header = record.headers().lastHeader(name);

        return header == null
            ? "" : new String(header.value(), StandardCharsets.UTF_8);
    }

    static boolean isJpeg(byte[] value) {
        int size = value == null ? 0 : value.length;

        return size >= 4
            && value[0] == (byte) 0xff && value[1] == (byte) 0xd8
            && value[size - 2] == (byte) 0xff && value[size - 1] == (byte) 0xd9;
    }

    /* What is wrong with a frame; null: nothing. */
    static String fault(ConsumerRecord<String, byte[]> record) {
        String id = record.key() + "/" + header(record, "epoch") + "/"
            + header(record, "seq");

        if (!header(record, "ce_specversion").equals("1.0")
            || !header(record, "ce_type").equals("vstream.frame.v1")) {
            return "no frame of vstream";
        }

        if (!header(record, "ce_id").equals(id)) {
            return "key, epoch and seq are not those of its id";
        }

        if (!header(record, "content-type").equals("image/jpeg")) {
            return "not sent as a plain JPEG";
        }

        return isJpeg(record.value()) ? null : "not a whole JPEG";
    }

    /* Whether it was a frame as it should be. */
    static boolean show(ConsumerRecord<String, byte[]> record) {
        String why = fault(record);

        if (why != null) {
            System.err.printf("partition %d, offset %d: %s%n",
                              record.partition(), record.offset(), why);
            return false;
        }

        System.out.printf("%s %s %sx%s %d %s%n", record.key(),
                          header(record, "seq"), header(record, "width"),
                          header(record, "height"), record.value().length,
                          header(record, "ce_time"));
        return true;
    }

    /* Whether all was as it should be. */
    static boolean read(String brokers, String topic, long count) {
        boolean right = true;
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", brokers, "group.id", "vstream-example-java",
            "auto.offset.reset", "latest", "enable.auto.commit", false);

        try (KafkaConsumer<String, byte[]> consumer = new KafkaConsumer<>(
                 settings, new StringDeserializer(),
                 new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(topic));

            while (true) {
                for (ConsumerRecord<String, byte[]> record
                     : consumer.poll(Duration.ofMillis(250))) {
                    if (!show(record)) {
                        right = false;
                    } else if (--count == 0) {
                        return right;
                    }
                }
            }
        }
    }

    public static void main(String[] args) {
        if (args.length < 1) {
            System.err.println("Frames BROKERS [TOPIC [COUNT]]");
            System.exit(2);
        }

        String topic = args.length > 1 ? args[1] : "vstream.frames.v1";
        long count = args.length > 2 ? Long.parseLong(args[2]) : -1;

        System.exit(read(args[0], topic, count) ? 0 : 1);
    }
}
