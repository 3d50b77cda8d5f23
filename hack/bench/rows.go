package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// row is one way from a topic to another.
type row struct {
	name    string // as ROWS has it
	title   string // as people read it
	members int
	plain   bool // takes the texts alone, without Protobuf and headers
	gated   bool // its members join by the classic protocol, with range
	rival   string
	starts  int // how often the start is measured
	command func(b *bench, t topics, member int) *exec.Cmd
}

// rows are what is compared, in the order of the table.
func rows() []row {
	var all []row
	for _, members := range []int{1, 2} {
		all = append(all, row{
			name: fmt.Sprintf("passthrough-%d", members), title: "bare kafka-go passthrough, no scoring", members: members, gated: true, starts: 5,
			command: func(b *bench, t topics, _ int) *exec.Cmd {
				return exec.Command(filepath.Join(b.bin, "passthrough"), b.cluster.bootstrap, t.group(), t.in, t.out) //nolint:noctx // ends by stop
			},
		})
	}
	for _, backend := range []struct{ name, program, backend, title string }{
		{"lexicon", "sentiment-scorer-bench", "word", "sentiment-scorer, lexicon of one word"},
		{"shipped", "sentiment-scorer", "builtin", "sentiment-scorer as shipped: language and built-in models"},
		{"vader", "sentiment-scorer", "vader", "sentiment-scorer: language and VADER"},
	} {
		for _, members := range []int{1, 2} {
			all = append(all, row{
				name: fmt.Sprintf("%s-%d", backend.name, members), title: backend.title, members: members, gated: true, starts: 5,
				command: func(b *bench, t topics, member int) *exec.Cmd {
					return b.scorer(backend.program, backend.backend, t, member)
				},
			})
		}
	}
	for _, linger := range []string{"0", "default"} {
		all = append(all, row{
			name: "streams-linger-" + linger, title: "Kafka Streams, linger " + linger, members: 1, plain: true, rival: "streams", starts: 2,
			command: func(b *bench, t topics, _ int) *exec.Cmd {
				return b.java("streams", "StreamsScorer", b.cluster.bootstrap, t.group(), t.in, t.out, linger, "2")
			},
		})
	}
	for _, mode := range []string{"micro-batch", "real-time"} {
		all = append(all, row{
			name: "spark-" + mode, title: "Spark, " + mode, members: 1, plain: true, rival: "spark", starts: 2,
			command: func(b *bench, t topics, _ int) *exec.Cmd {
				return b.java("spark", "SparkScorer", b.cluster.bootstrap, filepath.Join(b.dir, t.out+"checkpoint"), t.in, t.out, mode)
			},
		})
	}
	return all
}

// group is the consumer group of the row that has these topics.
func (t topics) group() string { return t.in + ".group" }

// scorer runs the real program, with its metrics, health and gRPC.
func (b *bench) scorer(program, backend string, t topics, member int) *exec.Cmd {
	cmd := exec.Command(filepath.Join(b.bin, program)) //nolint:noctx // ends by stop
	cmd.Env = append(os.Environ(),
		"KAFKA_BOOTSTRAP_SERVERS="+b.cluster.bootstrap, "GROUP_ID="+t.group(), fmt.Sprintf("INSTANCE=%d", member), "SCORER_BACKEND="+backend,
		"TOPIC_FEEDBACK="+t.in, "TOPIC_SCORED="+t.out, "TOPIC_DEAD_LETTERS="+t.dead, "TOPIC_STATE="+t.state,
		"LISTEN_ADDRESS=127.0.0.1:0", "GRPC_LISTEN_ADDRESS=127.0.0.1:0",
	)
	return cmd
}

// sparkOpens are what Spark needs to run on Java 17 and later (its own JavaModuleOptions).
var sparkOpens = []string{
	"java.base/java.lang", "java.base/java.lang.invoke", "java.base/java.lang.reflect", "java.base/java.io", "java.base/java.net",
	"java.base/java.nio", "java.base/java.util", "java.base/java.util.concurrent", "java.base/java.util.concurrent.atomic",
	"java.base/jdk.internal.ref", "java.base/sun.nio.ch", "java.base/sun.nio.cs", "java.base/sun.security.action",
	"java.base/sun.util.calendar",
}

// java runs a rival's class with a heap of at most 1 GB.
func (b *bench) java(rival, class string, args ...string) *exec.Cmd {
	options := []string{"-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Djava.io.tmpdir=" + b.dir}
	if rival == "spark" {
		options = append(options, "-XX:+IgnoreUnrecognizedVMOptions", "-Djdk.reflect.useDirectMethodHandle=false", "-Dio.netty.tryReflectionSetAccessible=true")
		for _, o := range sparkOpens {
			options = append(options, "--add-opens="+o+"=ALL-UNNAMED")
		}
	}
	options = append(options, "-cp", b.rivals[rival].classPath, class)
	cmd := exec.Command("java", append(options, args...)...) //nolint:noctx // ends by stop
	cmd.Dir = b.dir
	return cmd
}

// rival is a program of others that was built, or the reason why not.
type rival struct {
	classPath string
	version   string
	missing   string
}

// prepare builds what the rows need and says of each rival that cannot be built why.
func (b *bench) prepare(ctx context.Context, chosen []row) {
	b.rivals = map[string]rival{}
	for _, r := range chosen {
		if _, done := b.rivals[r.rival]; r.rival != "" && !done {
			b.rivals[r.rival] = b.install(ctx, r.rival)
		}
	}
}
