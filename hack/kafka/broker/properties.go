package broker

import (
	"cmp"
	"fmt"
	"path/filepath"
	"sort"
	"strings"

	"github.com/feedback-pipelines/feedback-pipelines/hack/internal/ports"
)

// The listeners' names, as the brokers' properties and cluster.json have them.
const (
	plain      = "PLAINTEXT"
	tlsOnly    = "TLS"
	mutualTLS  = "MTLS"
	sasl       = "SASL"
	saslTLS    = "SASLTLS"
	scramOnly  = "SCRAMONLY"
	expired    = "EXPIRED" // TLS by a certificate that has expired
	alias      = "ALIAS"   // TLS by a certificate for another host
	controller = "CONTROLLER"
)

var protocols = map[string]string{
	plain: "PLAINTEXT", tlsOnly: "SSL", mutualTLS: "SSL", sasl: "SASL_PLAINTEXT", saslTLS: "SASL_SSL",
	scramOnly: "SASL_PLAINTEXT", expired: "SSL", alias: "SSL", controller: "PLAINTEXT",
}

// layout is what a cluster's data folder says of itself (cluster.json), so that another process can stop it and a
// restart finds the same ports. The file is readable by its owner only.
type layout struct {
	ClusterID string `json:"clusterID"`
	User      string `json:"user,omitempty"`
	Password  string `json:"password,omitempty"`
	ACLs      bool   `json:"acls,omitempty"`
	Nodes     []node `json:"nodes"`
}

// node is one broker, which is a controller too.
type node struct {
	ID    int            `json:"id"`
	Host  string         `json:"host,omitempty"` // empty: 127.0.0.1
	Ports map[string]int `json:"ports"`          // by listener
	// Advertised are the ports that the clients of some listeners are told instead.
	Advertised map[string]int `json:"advertised,omitempty"`
	Pid        int            `json:"pid,omitempty"`
}

// detour is the name of the listener for RealOptions.Detours.
func detour(i int) string { return fmt.Sprintf("DETOUR%d", i) }

// address is where the node listens, with one of its ports.
func (n node) address(port int) string { return ports.AddressOn(cmp.Or(n.Host, "127.0.0.1"), port) }

func (n node) has(listener string) bool { return n.Ports[listener] != 0 }

// properties renders the settings of one broker of the cluster whose data lie in dir. Cleaning and retention run every
// half second, so that a test needn't wait minutes for them; topics exist only when somebody creates them.
func (l layout) properties(n node, dir string) string {
	var voters, listeners, advertised, security []string
	for _, other := range l.Nodes {
		voters = append(voters, fmt.Sprintf("%d@%s", other.ID, other.address(other.Ports[controller])))
	}
	for name, port := range n.Ports {
		listeners = append(listeners, name+"://"+n.address(port))
		security = append(security, name+":"+cmp.Or(protocols[name], protocols[plain]))
		if name != controller {
			advertised = append(advertised, name+"://"+n.address(cmp.Or(n.Advertised[name], port)))
		}
	}
	sort.Strings(listeners)
	sort.Strings(advertised)
	sort.Strings(security)
	replicas := min(3, len(l.Nodes))
	lines := []string{
		"process.roles=broker,controller",
		fmt.Sprintf("node.id=%d", n.ID),
		"controller.quorum.voters=" + strings.Join(voters, ","),
		"controller.listener.names=" + controller,
		"inter.broker.listener.name=" + plain,
		"listeners=" + strings.Join(listeners, ","),
		"advertised.listeners=" + strings.Join(advertised, ","),
		"listener.security.protocol.map=" + strings.Join(security, ","),
		"log.dirs=" + filepath.Join(dir, fmt.Sprintf("broker-%d", n.ID)),
		"num.partitions=6",
		fmt.Sprintf("default.replication.factor=%d", replicas),
		fmt.Sprintf("min.insync.replicas=%d", max(1, replicas-1)),
		"auto.create.topics.enable=false",
		"offsets.topic.num.partitions=4",
		"transaction.state.log.num.partitions=4",
		"share.coordinator.state.topic.num.partitions=1",
		"group.initial.rebalance.delay.ms=0",
		"log.cleaner.backoff.ms=500", "log.initial.task.delay.ms=500", "log.retention.check.interval.ms=1000", // tests wait for compaction and retention
		"log.initial.task.delay.ms=500",
		"log.retention.check.interval.ms=500",
		"log.cleaner.backoff.ms=500",
		"log.cleaner.dedupe.buffer.size=4000000",
		"log.segment.delete.delay.ms=1000",
		"broker.session.timeout.ms=6000", // a killed broker may come back when its session is over
		"broker.heartbeat.interval.ms=1000",
		// A quorum on two busy cores must not lose its leader to a pause.
		"controller.quorum.election.timeout.ms=4000",
		"controller.quorum.fetch.timeout.ms=8000",
	}
	for _, topic := range []string{"offsets.topic", "transaction.state.log", "share.coordinator.state.topic"} {
		lines = append(lines, fmt.Sprintf("%s.replication.factor=%d", topic, replicas))
		if topic != "offsets.topic" {
			lines = append(lines, fmt.Sprintf("%s.min.isr=%d", topic, max(1, replicas-1)))
		}
	}
	lines = append(lines, n.tls(dir)...)
	lines = append(lines, n.sasl(l.User, l.Password)...)
	lines = append(lines, l.authorizer()...)
	return strings.Join(lines, "\n") + "\n"
}

// authorizer allows nothing that no ACL grants. Brokers and controllers are super users, by their plain listeners.
func (l layout) authorizer() []string {
	if !l.ACLs {
		return nil
	}
	super := "super.users=User:ANONYMOUS"
	if l.User != "" {
		super += ";User:" + l.User
	}
	return []string{"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer", super}
}

func (n node) tls(dir string) []string {
	var lines []string
	certs := certificatesIn(dir)
	for _, name := range []string{tlsOnly, mutualTLS, saslTLS, expired, alias} {
		if !n.has(name) {
			continue
		}
		auth, store := "none", certs.ServerPEM
		switch name {
		case expired:
			store = certs.ExpiredPEM
		case alias:
			store = certs.AliasPEM
		}
		if name == mutualTLS {
			auth = "required"
		}
		prefix := "listener.name." + strings.ToLower(name) + ".ssl."
		lines = append(lines,
			prefix+"keystore.type=PEM", prefix+"keystore.location="+store,
			prefix+"truststore.type=PEM", prefix+"truststore.location="+certs.CA,
			prefix+"client.auth="+auth)
	}
	return lines
}

func (n node) sasl(user, password string) []string {
	var lines []string
	for _, name := range []string{sasl, saslTLS, scramOnly} {
		if !n.has(name) {
			continue
		}
		prefix := "listener.name." + strings.ToLower(name) + "."
		scram := "org.apache.kafka.common.security.scram.ScramLoginModule required;"
		mechanisms := "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
		if name == scramOnly {
			mechanisms = "SCRAM-SHA-256,SCRAM-SHA-512"
		}
		lines = append(lines,
			prefix+"sasl.enabled.mechanisms="+mechanisms,
			prefix+fmt.Sprintf("plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_%s=%q;", user, password),
			prefix+"scram-sha-256.sasl.jaas.config="+scram,
			prefix+"scram-sha-512.sasl.jaas.config="+scram)
	}
	return lines
}
