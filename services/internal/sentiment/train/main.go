// Command train makes the weights of package builtin from a folder of label<TAB>text files: it trains, calibrates,
// evaluates, and writes the weights with a model card. With the same data and flags it writes the same weights.
//
// With --evaluate it trains nothing: it prints what the weights and VADER reach on the texts that are put aside.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
)

func main() {
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() { // nothing is worth keeping of a training that is not done
		fmt.Fprintln(os.Stderr, "train: interrupted")
		os.Exit(exitInterrupted)
	})
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	os.Exit(status(err, os.Stderr))
}

// Exit codes.
const (
	exitFailed      = 1
	exitUsage       = 2   // the command line is wrong
	exitInterrupted = 130 // stopped by a signal, as shells count it
)

// status writes what went wrong and returns the exit code.
func status(err error, stderr io.Writer) int {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintln(stderr, "train:", strings.ReplaceAll(err.Error(), "\n", "\ntrain: "))
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

// options are the command's flags.
type options struct {
	settings
	data, out, weights, date, leaveOut, aside string
	evaluate                                  bool
	cross                                     int
}

func parse(args []string, log io.Writer) (*options, error) {
	o := &options{settings: defaults}
	f := flag.NewFlagSet("train", flag.ContinueOnError)
	f.SetOutput(io.Discard) // what is wrong is said once, by status
	f.StringVar(&o.data, "data", "", "`folder` of label<TAB>text files, or one with folders sentiment and language; a file of unknown name must begin with its kind: chat_ours.tsv")
	f.StringVar(&o.out, "out", "weights", "`folder` to write weights and model card to")
	f.StringVar(&o.weights, "weights", "", "`folder` of weights to evaluate, or to take from what has no texts to train on; empty for those that the program has")
	f.StringVar(&o.date, "date", time.Now().UTC().Format(time.DateOnly), "`date` that the weights and the card bear")
	f.StringVar(&o.leaveOut, "leave-out", "", "comma separated `sets` to evaluate on and not to train on")
	f.BoolVar(&o.evaluate, "evaluate", false, "train nothing: print what the weights reach on the texts put aside")
	f.StringVar(&o.aside, "aside", "", "train nothing: write the texts put aside to this `folder`, a file for each kind and one of languages")
	f.IntVar(&o.cross, "cross-validate", 0, "train and judge as often as that, each time without that part of the kinds' texts, and write nothing")
	f.IntVar(&o.bits, "bits", defaults.bits, "a kind's table has 2 to the power of `n` rows of two bytes")
	f.IntVar(&o.epochs, "epochs", defaults.epochs, "how often each text is seen")
	f.IntVar(&o.seeds, "seeds", defaults.seeds, "how many trainings the weights are the mean of")
	err := f.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		f.SetOutput(log)
		f.Usage()
		return nil, err
	}
	if err != nil {
		return nil, usagef("%w; see --help", err)
	}
	if err := o.check(f.Args()); err != nil {
		return nil, err
	}
	return o, nil
}

// mostParts is how many parts a cross-validation has at most.
const mostParts = 100

// data is all that there is to learn from.
type data struct {
	sets   []*set
	spoken []spoken // empty without texts of known language
}

func (o *options) load() (*data, error) {
	folder := o.data
	if sub := filepath.Join(folder, "sentiment"); isFolder(sub) {
		folder = sub
	}
	leftOut := strings.Split(o.leaveOut, ",")
	sets, err := load(folder, leftOut)
	if err == nil {
		err = checkLeftOut(leftOut, sets)
	}
	if err != nil {
		return nil, err
	}
	d := &data{sets: sets}
	if file := filepath.Join(o.data, "language", "lid_train.tsv"); exists(file) {
		if d.spoken, err = loadLanguages(file); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func run(ctx context.Context, args []string, out, log io.Writer) error {
	o, err := parse(args, log)
	if err != nil {
		return err
	}
	d, err := o.load()
	if err != nil {
		return err
	}
	if o.aside != "" {
		return d.writeAside(o.aside)
	}
	if o.evaluate {
		return evaluateWeights(ctx, o, d, out)
	}
	if o.cross > 0 {
		return o.crossValidate(ctx, d, out, log)
	}
	if err := errors.Join(d.enough(o.leaveOut), o.checkOut()); err != nil {
		return err
	}
	files, c, err := o.train(ctx, d, log)
	if err != nil {
		return err
	}
	if err := write(o.out, files, out); err != nil {
		return err
	}
	if err := c.addMeasured(o.out); err != nil {
		return err
	}
	return write(o.out, map[string][]byte{cardFile: []byte(c.markdown())}, out)
}

// write writes files to a folder and says which.
func write(folder string, files map[string][]byte, out io.Writer) error {
	for _, name := range sorted(files) {
		if err := os.WriteFile(filepath.Join(folder, name), files[name], 0o644); err != nil { //nolint:gosec // weights are for all to read
			return err
		}
		fmt.Fprintf(out, "%s: %d bytes\n", filepath.Join(folder, name), len(files[name]))
	}
	return nil
}

// train returns the files of a folder of weights, and their card.
func (o *options) train(ctx context.Context, d *data, log io.Writer) (map[string][]byte, *card, error) {
	files := map[string][]byte{}
	c := &card{options: o, data: d}
	l := lexicon()
	for _, s := range d.sets {
		if s.written {
			fmt.Fprintf(log, "%s: %d texts that come with the program are learned too; --leave-out %s leaves them out\n", s.name, len(s.texts), s.name)
		}
	}
	var err error
	if files[builtin.LexiconFile], err = l.AppendBinary(nil); err != nil {
		return nil, nil, err
	}
	var detector []byte
	var group errgroup.Group
	group.Go(func() (err error) {
		detector, err = o.detector(d, l, c, log)
		return err
	})
	kinds := kindsJob(o.settings, l, log)
	tables := kinds.learn(kinds.examples(d.sets, all))
	for domain, name := range builtin.Kinds() {
		if !has(d.sets, name) {
			kind, _ := builtin.ParseKind(name)
			if files[name+".bin"], err = o.taken(func(w *builtin.Weights) *builtin.Model { return w.Kinds[kind] }); err != nil {
				return nil, nil, fmt.Errorf("kind %s has no texts to train on: %w", name, err)
			}
			continue
		}
		m, err := kinds.finish(tables[domain], []int{domain}, map[int][]point{}, d, c)
		if err != nil {
			return nil, nil, fmt.Errorf("kind %s: %w", name, err)
		}
		if files[name+".bin"], err = m.AppendBinary(nil); err != nil {
			return nil, nil, err
		}
	}
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	if files[builtin.WorldFile], err = o.trainWorld(d, l, c, log); err != nil {
		return nil, nil, err
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	files[builtin.DetectorFile] = detector
	return files, c, nil
}

// has tells whether there are texts of one of the domains.
func has(sets []*set, domains ...string) bool {
	return slices.ContainsFunc(sets, func(s *set) bool { return slices.Contains(domains, s.domain) })
}

// taken returns the file of a model of the weights that there are, for what has no texts to train on.
func (o *options) taken(which func(*builtin.Weights) *builtin.Model) ([]byte, error) {
	w, err := builtin.Load(o.weights)
	if err != nil {
		return nil, err
	}
	return which(w).AppendBinary(nil)
}

func all(string) bool { return true }

// folds is in how many parts the languages' texts are learned without one, to calibrate on it.
const folds = 3

// trainWorld returns the file of the model for the other languages. It is calibrated on texts that the trainings that
// score them have not seen: those put aside are too few.
func (o *options) trainWorld(d *data, l *builtin.Lexicon, c *card, log io.Writer) ([]byte, error) {
	if !has(d.sets, worldLanguages...) {
		return o.taken(func(w *builtin.Weights) *builtin.Model { return w.World })
	}
	s := worldSettings(o.settings)
	unseen := map[int][]point{}
	var heads []int
	for fold := range folds {
		one := s
		one.seeds = 1
		j := worldJob(one, l, log)
		table := j.learn(j.examples(d.sets, func(t string) bool { return thousandth(t)%folds != fold }))[0]
		m, err := table.model(j.header(builtin.World, j.uncalibrated(table)))
		if err != nil {
			return nil, err
		}
		heads = heads[:0]
		for domain, language := range j.domains {
			if language == builtin.English || !has(d.sets, language) {
				continue
			}
			heads = append(heads, domain)
			for _, set := range d.sets {
				if set.domain == language && !set.validate && !set.fill {
					unseen[domain] = append(unseen[domain], j.points(m, domain, table.heads[domain], in(set.texts, fold, folds))...)
				}
			}
		}
	}
	j := worldJob(s, l, log)
	m, err := j.finish(j.learn(j.examples(d.sets, all))[0], heads, unseen, d, c)
	if err != nil {
		return nil, fmt.Errorf("other languages: %w", err)
	}
	return m.AppendBinary(nil)
}

// worldSettings are those for few texts in several languages.
func worldSettings(s settings) settings {
	s.bits, s.rate = min(s.bits, worldBits), worldRate
	return s
}

const (
	worldBits = 19
	worldRate = 0.06
)

// in returns the texts of one of some folds.
func in(texts []text, fold, folds int) []text {
	var out []text
	for _, t := range texts {
		if thousandth(t.text)%folds == fold {
			out = append(out, t)
		}
	}
	return out
}

// detector returns the detector's file: trained, if there are texts to train on, or the one that there is.
func (o *options) detector(d *data, l *builtin.Lexicon, c *card, log io.Writer) ([]byte, error) {
	w, err := builtin.Load(o.weights)
	if len(d.spoken) == 0 {
		if err != nil {
			return nil, fmt.Errorf("no texts to train the language detector on (language/lid_train.tsv), and none to take over: %w", err)
		}
		return w.Detector.Binary()
	}
	file, err := trainDetector(d.spoken, d.sets, o.date, log)
	if err != nil {
		return nil, err
	}
	detector, err := builtin.ReadDetector(string(file))
	if err != nil {
		return nil, err
	}
	heads := map[string]builtin.Head{} // as far as the language is concerned: which there are
	for _, language := range worldLanguages {
		heads[language] = builtin.Head{}
	}
	world := &builtin.Model{Header: builtin.Header{Heads: heads}}
	c.languages = judgeLanguages(&builtin.Weights{Detector: detector, Lexicon: l, World: world}, d.spoken, builtin.English)
	return file, nil
}

// uncalibrated are the heads that were learned with a table, by language.
func (j *job) uncalibrated(f *folded) map[string]builtin.Head {
	heads := map[string]builtin.Head{}
	for domain, h := range f.heads {
		heads[j.language(domain)] = *h
	}
	return heads
}

// header is what stands before a model's table.
func (j *job) header(name string, heads map[string]builtin.Head) builtin.Header {
	h := builtin.Header{Name: name, Bits: j.bits, Heads: heads}
	if j.salts != nil {
		h.Own = float32(j.own)
	}
	return h
}

// finish quantises a table, calibrates each domain's head on the texts put aside and those of unseen, tells the card
// what it reaches, and returns the model.
func (j *job) finish(f *folded, domains []int, unseen map[int][]point, d *data, c *card) (*builtin.Model, error) {
	name := builtin.World
	if j.salts == nil {
		name = j.domains[domains[0]]
	}
	raw, err := f.model(j.header(name, j.uncalibrated(f)))
	if err != nil {
		return nil, err
	}
	heads := map[string]builtin.Head{}
	for _, domain := range domains {
		bySet := j.validation(d.sets, domain)
		points := slices.Concat(unseen[domain], j.calibrating(raw, domain, f.heads[domain], d.sets, bySet))
		if len(points) < fewestPoints {
			return nil, fmt.Errorf("%s: %d texts to calibrate on, want %d at least: add a file with more texts", j.domains[domain], len(points), fewestPoints)
		}
		heads[j.language(domain)] = c.calibrated(j, domain, f.heads[domain], points, raw, bySet)
	}
	version := raw.Fingerprint()
	m, err := f.model(j.header(name, heads))
	if err != nil {
		return nil, err
	}
	m.Version = c.options.date + "-" + version
	return m, nil
}

// calibrating returns the logits of the texts put aside that a domain is calibrated on, by a model: those that are for
// figures only where the others are too few.
func (j *job) calibrating(m *builtin.Model, domain int, head *builtin.Head, sets []*set, bySet map[string][]text) []point {
	figures := map[string]bool{}
	for _, s := range sets {
		figures[s.name] = s.figures
	}
	var points, rest []point
	for _, name := range sorted(bySet) {
		if p := j.points(m, domain, head, bySet[name]); figures[name] {
			rest = append(rest, p...)
		} else {
			points = append(points, p...)
		}
	}
	if len(points) < fewestPoints {
		points = append(points, rest...)
	}
	return points
}

// fewestPoints is how many texts a calibration needs.
const fewestPoints = 60
