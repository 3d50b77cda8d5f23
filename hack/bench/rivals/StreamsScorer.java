import java.util.Locale;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;

/** Kafka Streams with the lexicon of one word: StreamsScorer bootstrap application from to linger|default threads. */
public class StreamsScorer {
    public static void main(String[] a) throws Exception {
        Properties p = new Properties();
        p.put("bootstrap.servers", a[0]);
        p.put("application.id", a[1]);
        p.put("default.key.serde", Serdes.StringSerde.class.getName());
        p.put("default.value.serde", Serdes.StringSerde.class.getName());
        p.put("auto.offset.reset", "earliest");
        p.put("processing.guarantee", "at_least_once");
        p.put("producer.acks", "all");
        p.put("commit.interval.ms", "200");
        p.put("num.stream.threads", a[5]);
        p.put("state.dir", System.getProperty("java.io.tmpdir"));
        if (!a[4].equals("default")) {
            p.put("producer.linger.ms", a[4]);
        }
        StreamsBuilder b = new StreamsBuilder();
        b.<String, String>stream(a[2]).mapValues(text -> score(text) + "\t" + text).to(a[3]);
        KafkaStreams streams = new KafkaStreams(b.build(), p);
        CountDownLatch end = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> { streams.close(); end.countDown(); }));
        streams.start();
        end.await();
    }

    static String score(String text) {
        return text.toLowerCase(Locale.ROOT).contains("love") ? "0.9" : "0.5";
    }
}
