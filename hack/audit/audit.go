// Package audit gives an independent word on a pipeline: it compares what people said (as the
// simulator tells it) and what stands in the channels at the end with the pipeline's topics, and
// counts. It shares no code with the services but the contract on the wire, and reads the manifest
// by its own types, so that an error of theirs is not an error of its as well.
//
// Nothing that is missing, doubled or in the wrong place goes unseen: each turns the ledger red.
package audit

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Options says what to audit.
type Options struct {
	// Bootstrap are the addresses of Kafka brokers, host:port.
	Bootstrap []string
	// Client says how they are reached: TLS, SASL. None: PLAINTEXT.
	Client []kgo.Opt
	// Manifest is the FeedbackPipeline as YAML. Other documents in the same text, such as Secrets,
	// are passed over.
	Manifest []byte
	// Earlier are manifests of the same pipeline that Manifest replaced while events were told. Where one of them and
	// Manifest do not agree on whether a route tells an event, it may have been told or not. Of Earlier only the routes
	// are read.
	Earlier [][]byte
	// Simulator is the base URL of the simulator, such as http://127.0.0.1:8090.
	Simulator string
}

// Run audits a pipeline that is at rest: the simulator sends no more and the services have drained.
// On one that still runs, what is on its way into the feedback topic counts as lost.
// The ledger covers all that the simulator ever offered and the topics still hold. An error means
// that there is no ledger: a broker or simulator that does not answer, a manifest that cannot be read.
func Run(ctx context.Context, o Options) (Ledger, error) {
	m, err := parseManifest(o.Manifest)
	if err != nil {
		return Ledger{}, err
	}
	for i, text := range o.Earlier {
		earlier, err := parseManifest(text)
		if err != nil {
			return Ledger{}, fmt.Errorf("earlier manifest %d: %w", i, err)
		}
		m.earlier = append(m.earlier, earlier)
	}
	w, err := gather(ctx, o, m)
	if err != nil {
		return Ledger{}, err
	}
	return judge(m, w), nil
}
