// Package broker runs a Kafka broker on this machine, without root and, unless told otherwise, on the loopback interface only.
//
// Embedded is an implementation in this process that needs nothing but Go and keeps its records in a folder: it serves
// the demo and proves logic. Real is Apache Kafka from its published jars: it alone proves a broker's behaviour (TLS,
// SASL, rebalance, retention, compaction, failover), and needs Java and Maven. Both end with the process that started
// them.
package broker

// Names of the environment variables that tell a program which test broker it has. A listener that the broker was
// started without has no variable.
const (
	EnvBootstrap        = "KAFKA_TEST_BOOTSTRAP"          // PLAINTEXT, "host:port,host:port"
	EnvTLSBootstrap     = "KAFKA_TEST_TLS_BOOTSTRAP"      // TLS, no client certificate asked for
	EnvMTLSBootstrap    = "KAFKA_TEST_MTLS_BOOTSTRAP"     // TLS, refuses a client without a certificate
	EnvSASLBootstrap    = "KAFKA_TEST_SASL_BOOTSTRAP"     // SASL without TLS: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512
	EnvSASLTLSBootstrap = "KAFKA_TEST_SASL_TLS_BOOTSTRAP" // the same over TLS
	EnvSCRAMBootstrap   = "KAFKA_TEST_SCRAM_BOOTSTRAP"    // SASL without TLS and without PLAIN
	EnvExpiredBootstrap = "KAFKA_TEST_EXPIRED_BOOTSTRAP"  // TLS by a certificate that has expired
	EnvAliasBootstrap   = "KAFKA_TEST_ALIAS_BOOTSTRAP"    // TLS by a certificate for kafka.invalid
	EnvCA               = "KAFKA_TEST_CA"                 // PEM file: the throw-away CA that signed all certificates
	EnvClientCert       = "KAFKA_TEST_CLIENT_CERT"        // PEM file
	EnvClientKey        = "KAFKA_TEST_CLIENT_KEY"         // PEM file, PKCS #8
	EnvOtherCA          = "KAFKA_TEST_OTHER_CA"           // PEM file: a CA that has signed nothing here
	EnvExpiredCert      = "KAFKA_TEST_EXPIRED_CERT"       // PEM file: a client's certificate that has expired
	EnvExpiredKey       = "KAFKA_TEST_EXPIRED_KEY"        // PEM file
	EnvStranger         = "KAFKA_TEST_STRANGER"           // with ACLs: a SCRAM user who may do nothing, with the same password
	EnvUser             = "KAFKA_TEST_USER"               // the user of all SASL mechanisms
	EnvPassword         = "KAFKA_TEST_PASSWORD"           // made anew for each data folder
	EnvKind             = "KAFKA_TEST_KIND"               // embedded or real
	EnvBrokers          = "KAFKA_TEST_BROKERS"            // number of brokers
)
