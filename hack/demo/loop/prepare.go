package loop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/feedback-pipelines/feedback-pipelines/hack/internal/ports"
	"github.com/feedback-pipelines/feedback-pipelines/hack/local/executor"
)

// prepare decides where everything will listen and be kept, and finds out what stands against the manifest, the
// Secrets, the corpus and the folder, before anything starts.
func (l *Loop) prepare(ctx context.Context) (err error) {
	if len(l.options.Kafka) > 0 {
		l.manifest.UseKafka(l.options.Kafka, false)
	} else {
		if l.kafkaPort, err = ports.Prefer(ctx, kafkaPort); err != nil {
			return err
		}
		l.manifest.UseKafka([]string{ports.Address(l.kafkaPort)}, true)
	}
	if !l.options.NoSimulator {
		if err := checkCorpus(l.options.Corpus); err != nil {
			return err
		}
		port, err := ports.Prefer(ctx, simulatorPort)
		if err != nil {
			return err
		}
		l.address = ports.Address(port)
		l.shortened = l.manifest.UseSimulator("http://" + l.address)
	}
	if l.plan, err = executor.NewPlan(ctx, l.manifest, l.options.Bin); err != nil {
		return err
	}
	if l.options.NoSimulator {
		if err := l.plan.RefuseSimulated(); err != nil {
			return err
		}
	}
	return l.claim()
}

// claim makes the data folder this run's own. Simulated feedback that lies in one folder with real tokens would be told
// in the real Slack, and one simulator's channels cannot stand for two pipelines.
func (l *Loop) claim() error {
	var topics []string
	for _, t := range l.plan.Topics {
		topics = append(topics, t.Name)
	}
	kind := "simulated"
	if l.options.NoSimulator {
		kind = "real"
	}
	if l.options.DataDir == "" {
		l.options.DataDir = filepath.Join(l.options.DataRoot, kind+"-"+cmp.Or(strings.TrimSuffix(topics[0], ".feedback"), "pipeline"))
	}
	dir, err := filepath.Abs(l.options.DataDir)
	if err != nil {
		return err
	}
	l.options.DataDir = dir
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	file, want := filepath.Join(dir, "holds.txt"), kind+" feedback in "+strings.Join(topics, " ")+"\n"
	switch got, err := os.ReadFile(file); {
	case errors.Is(err, fs.ErrNotExist):
		return os.WriteFile(file, []byte(want), 0o600)
	case err != nil:
		return fmt.Errorf("read what the data folder holds: %w", err)
	case string(got) != want:
		return fmt.Errorf("the folder %s holds %s, and this run has %s: name another folder with DATA=, or remove that one",
			dir, strings.TrimSpace(string(got)), strings.TrimSpace(want))
	}
	l.carriesOn = true
	return nil
}

// checkCorpus says what is wrong with a file of texts; empty means the simulator's own.
func checkCorpus(path string) error {
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("CORPUS: %w: name a file with a text a line, or label<TAB>text", err)
	}
	if strings.TrimSpace(string(text)) == "" {
		return fmt.Errorf("CORPUS %q is empty: give it at least one line of text", path)
	}
	return nil
}

// channels are the simulator's settings for the channels of the manifest: all exist, and people talk where the pipeline
// listens, mostly in the first, and where it does not.
func (l *Loop) channels() []string {
	read, told := l.manifest.Channels()
	if len(read) == 0 {
		read = []string{"feedback", "support"}
	}
	talk := slices.Concat(read, []string{"random"})
	exist := slices.Concat(talk, told, []string{"negative-feedback", "positive-feedback", "outages"})
	return []string{"SLACK_CHANNELS=" + strings.Join(executor.Distinct(exist), ","), "TRAFFIC_CHANNELS=" + strings.Join(executor.Distinct(talk), ",")}
}
