package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

// usageError is an error of the command line: nothing was tried.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// check refuses flags that nothing can be done with.
func (o *options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return usagef("%q is no flag: flags begin with --", rest[0])
	case o.data == "":
		return usagef("--data is empty: name the folder of label<TAB>text files")
	case o.cross < 0 || o.cross == 1 || o.cross > mostParts:
		return usagef("--cross-validate %d: give 2 to %d parts, or 0 to train", o.cross, mostParts)
	case o.bits < 10 || o.bits > 21 || o.epochs < 1 || o.seeds < 1:
		return usagef("--bits %d, --epochs %d, --seeds %d: give 10 to 21 bits, and at least one epoch and seed", o.bits, o.epochs, o.seeds)
	case o.out == "":
		return usagef("--out is empty: name the folder to write to")
	case !isFolder(o.data):
		return usagef("--data %s: there is no such folder; name the one of the label<TAB>text files", o.data)
	}
	if _, err := time.Parse(time.DateOnly, o.date); err != nil {
		return usagef("--date %q: write it as 2006-01-02", o.date)
	}
	if o.weights != "" {
		if _, err := builtin.Load(o.weights); err != nil {
			return usagef("--weights %s: %w; name a folder that --out wrote", o.weights, err)
		}
	}
	return nil
}

// checkOut makes the folder to write to, and a file in it that it removes again: better now than after the training.
func (o *options) checkOut() error {
	err := os.MkdirAll(o.out, 0o755)
	if err == nil {
		var f *os.File
		if f, err = os.CreateTemp(o.out, ".train-*"); err == nil {
			err = errors.Join(f.Close(), os.Remove(f.Name()))
		}
	}
	if err != nil {
		return fmt.Errorf("--out %s: %w; name a folder that can be written to", filepath.Clean(o.out), err)
	}
	return nil
}

// checkLeftOut refuses the name of a set that is not there: it would be trained on in silence.
func checkLeftOut(leftOut []string, sets []*set) error {
	var names []string
	for _, s := range sets {
		names = append(names, s.name)
	}
	for _, name := range leftOut {
		if name != "" && !slices.Contains(names, name) {
			return usagef("--leave-out %s: there is no such set; there are %s", name, strings.Join(names, ", "))
		}
	}
	return nil
}

// enough says of which kinds there are too few texts, or none of a label, before a training takes its time. Kinds without
// texts are taken over, and those of which all are left out are what the others have taught.
func (d *data) enough(leftOut string) error {
	if leftOut != "" {
		return nil
	}
	var errs []error
	for _, kind := range builtin.Kinds() {
		if has(d.sets, kind) {
			errs = append(errs, d.enoughOf(kind))
		}
	}
	return errors.Join(errs...)
}

func (d *data) enoughOf(kind string) error {
	var learn, aside [evaluate.Labels]int
	for _, s := range d.sets {
		if s.domain != kind && s.lends != kind {
			continue
		}
		for _, t := range s.texts {
			switch {
			case t.aside:
				aside[t.label]++
			case s.weight > 0 && !s.validate:
				learn[t.label]++
			}
		}
	}
	for label, name := range evaluate.Names {
		switch {
		case learn[label] == 0:
			return fmt.Errorf("kind %s: of the texts to learn from %s: a training needs some hundred of each label; add %s ones to a file %s_<name>.tsv", kind, labels(learn), name, kind)
		case aside[label] == 0:
			return fmt.Errorf("kind %s: of the texts that are put aside to calibrate on %s: add %s ones to a file %s_<name>.tsv, of which one in seven is put aside", kind, labels(aside), name, kind)
		}
	}
	if n := aside[0] + aside[1] + aside[2]; n < fewestPoints {
		return fmt.Errorf("kind %s: %d texts are put aside to calibrate on, want %d at least: add some hundred to a file %s_<name>.tsv, of which one in seven is put aside", kind, n, fewestPoints, kind)
	}
	return nil
}

// labels says how many texts have each label.
func labels(counts [evaluate.Labels]int) string {
	var out []string
	for label, n := range counts {
		out = append(out, fmt.Sprintf("%d are %s", n, evaluate.Names[label]))
	}
	return strings.Join(out, ", ")
}
