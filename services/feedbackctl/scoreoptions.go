package main

import (
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
)

// scoreOptions say what scores, and in which language the texts are.
type scoreOptions struct {
	backend, assume, language, kind string
	weights                         string
	neutral                         []string
	address, tlsCA                  string
	tls                             bool
	timeout                         time.Duration
	output                          string
}

// textKinds are the kinds of text that --kind takes: those of the built-in models, and the sources that stand for one.
var textKinds = append(builtin.Kinds(), "slack", "x")

// flags adds those that choose what scores, in process or elsewhere.
func (o *scoreOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.language, "language", "", "language of the texts (BCP 47); detected if not given")
	f.StringVar(&o.kind, "kind", "", "kind of the texts: tweet, dev or chat, or their source: x (as tweet) or slack (as chat)")
	f.StringVar(&o.backend, "backend", sentiment.BuiltinName, "what scores in process: "+strings.Join(sentiment.Names(), ", "))
	f.StringVar(&o.assume, "assume-language", "en", "language of a text whose language is not known, in process; none for none")
	f.StringSliceVar(&o.neutral, "neutral-terms", nil, "words that carry no sentiment, such as a product's name (builtin)")
	f.StringVar(&o.weights, "weights", "", "folder of weights that hack/train wrote, in the place of the program's own (builtin)")
	f.StringVar(&o.address, "address", "", "host:port of a scorer to ask by gRPC instead of scoring in process")
	f.BoolVar(&o.tls, "tls", false, "encrypt the connection to --address")
	f.StringVar(&o.tlsCA, "tls-ca", "", "file of PEM certificates of the authorities that --address is trusted by instead of the system's; with it --tls is meant")
	f.DurationVar(&o.timeout, "timeout", 30*time.Second, "how long --address may take for a batch")
}

// complete offers the values of flags in the shell.
func (o *scoreOptions) complete(cmd *cobra.Command) {
	complete(cmd, "kind", textKinds...)
	complete(cmd, "backend", sentiment.Names()...)
}

// check refuses flags that would have no effect, as an empty one of a script's variable that is not set, and values that
// nothing can be done with.
func (o *scoreOptions) check(cmd *cobra.Command) error {
	if err := excludeAll(cmd, "address", "backend", "assume-language", "neutral-terms", "weights"); err != nil {
		return err
	}
	given := cmd.Flags().Changed
	for flag, value := range map[string]string{"address": o.address, "tls-ca": o.tlsCA, "weights": o.weights} {
		if given(flag) && value == "" {
			return usagef("--%s is empty: give it a value, or leave it out", flag)
		}
	}
	for _, flag := range []string{"tls", "tls-ca", "timeout"} {
		if given(flag) && o.address == "" {
			return usagef("--%s is for a scorer that is asked by gRPC: give its --address too, or leave it out", flag)
		}
	}
	for _, flag := range []string{"neutral-terms", "weights"} {
		if given(flag) && o.backend != sentiment.BuiltinName {
			return usagef("--%s is for the built-in models: leave it out with --backend %s", flag, o.backend)
		}
	}
	if o.timeout <= 0 {
		return usagef("--timeout %v: give a duration above zero, such as 30s", o.timeout)
	}
	return checkLanguage(o.language)
}

// options are those of the backend in process.
func (o *scoreOptions) options() sentiment.Options {
	s := sentiment.Options{AssumeLanguage: o.assume, NeutralTerms: o.neutral, Weights: o.weights}
	switch o.kind {
	case "slack":
		s.Kind = builtin.Chat.String()
	case "x":
		s.Kind = builtin.Tweet.String()
	default:
		s.Kind = o.kind
	}
	return s
}

// checkLanguage refuses a --language that is none: otherwise that of the texts would be detected, as if nothing were fixed.
func checkLanguage(tag string) error {
	if _, err := sentiment.AssumedLanguage(tag); err != nil {
		return usagef("--language %q is no language: use a BCP 47 tag such as en, or leave it out to have it detected", tag)
	}
	return nil
}

// source checks --kind, and is the kind of source that it stands for where a scorer is asked by gRPC, which chooses its
// model by that.
func (o *scoreOptions) source() (feedbackv1.SourceKind, error) {
	if o.kind == "" {
		return feedbackv1.SourceKind_SOURCE_KIND_UNSPECIFIED, nil
	}
	if err := oneOf("kind", o.kind, textKinds...); err != nil || o.address == "" {
		return feedbackv1.SourceKind_SOURCE_KIND_UNSPECIFIED, err
	}
	switch o.kind {
	case "slack":
		return feedbackv1.SourceKind_SOURCE_KIND_SLACK, nil
	case "x":
		return feedbackv1.SourceKind_SOURCE_KIND_X, nil
	}
	return 0, usagef("--kind %s: a scorer that is asked by gRPC chooses by the source: use slack or x", o.kind)
}

// open returns what scores, and what closes it.
func (o *scoreOptions) open() (sentiment.Backend, func(), error) {
	if o.address != "" {
		r, err := o.dial()
		if err != nil {
			return nil, nil, err
		}
		return r, r.close, nil
	}
	backend, err := sentiment.Open(o.backend, o.options())
	if err != nil {
		return nil, nil, o.explain(err)
	}
	return backend, func() {}, nil
}

// explain says which flag is to blame for an error of sentiment.Open, and what would be right.
func (o *scoreOptions) explain(err error) error {
	if !slices.Contains(sentiment.Names(), o.backend) {
		return usagef("--backend %q: in process score %s; to try another backend, run a sentiment-scorer with it and give its --address", o.backend, strings.Join(sentiment.Names(), ", "))
	}
	if _, wrong := sentiment.AssumedLanguage(o.assume); wrong != nil {
		return usagef("--assume-language %q is no language: use a BCP 47 tag such as en, or none", o.assume)
	}
	if _, wrong := builtin.Load(o.weights); wrong != nil {
		return usagef("--weights %q: %v; name a folder that hack/train --out wrote", o.weights, wrong)
	}
	if len(o.neutral) > 0 {
		return usagef("--neutral-terms %q: %v", cut(strings.Join(o.neutral, ","), exampleRunes), err)
	}
	return &usageError{err}
}

// dial returns the scorer at --address. It connects with the first request.
func (o *scoreOptions) dial() (*remote, error) {
	host, port, err := net.SplitHostPort(o.address)
	if n, wrong := strconv.ParseUint(port, 10, 16); err != nil || host == "" || wrong != nil || n == 0 {
		return nil, usagef("--address %q: write it as host:port, such as localhost:9090", o.address)
	}
	var ca []byte
	if o.tlsCA != "" {
		if ca, err = os.ReadFile(o.tlsCA); err != nil {
			return nil, usagef("--tls-ca: %v; name a file of PEM certificates", err)
		}
		if len(ca) == 0 {
			return nil, usagef("--tls-ca %s is empty: name a file of PEM certificates, which begin with -----BEGIN CERTIFICATE-----", o.tlsCA)
		}
	}
	if !o.tls && ca == nil {
		return dialScorer(o.address, nil, o.timeout)
	}
	secure, err := run.ClientTLS("--tls-ca "+o.tlsCA+": ", string(ca), "", "")
	if err != nil {
		return nil, usagef("--tls-ca %s: it holds no certificate; name a file of PEM certificates, which begin with -----BEGIN CERTIFICATE-----", o.tlsCA)
	}
	return dialScorer(o.address, secure, o.timeout)
}
