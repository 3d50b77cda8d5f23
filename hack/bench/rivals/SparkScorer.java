import static org.apache.spark.sql.functions.*;

import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.DataStreamWriter;
import org.apache.spark.sql.streaming.Trigger;

/** Spark Structured Streaming with the lexicon of one word: SparkScorer bootstrap checkpoint from to micro-batch|real-time. */
public class SparkScorer {
    public static void main(String[] a) throws Exception {
        SparkSession spark = SparkSession.builder().appName("bench").master("local[4]")
            .config("spark.ui.enabled", "false").config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
            .getOrCreate();
        spark.sparkContext().setLogLevel("ERROR");
        Dataset<Row> in = spark.readStream().format("kafka").option("kafka.bootstrap.servers", a[0])
            .option("subscribe", a[2]).option("startingOffsets", "earliest").load();
        Column text = col("value").cast("string");
        Column score = when(lower(text).contains("love"), lit("0.9")).otherwise(lit("0.5"));
        DataStreamWriter<Row> out = in.select(col("key"), concat_ws("\t", score, text).alias("value")).writeStream()
            .format("kafka").option("kafka.bootstrap.servers", a[0]).option("kafka.acks", "all").option("topic", a[3])
            .option("checkpointLocation", a[1]);
        if (a[4].equals("real-time")) {
            out = out.outputMode("update").trigger(Trigger.RealTime("5 minutes"));
        }
        out.start().awaitTermination();
    }
}
