package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/fallback"
)

// fallbackConfig says what scores while the backend does not answer.
type fallbackConfig struct {
	Backend string        `env:"FALLBACK" help:"what scores while the backend does not answer: builtin, or nothing, so that events wait"`
	After   time.Duration `env:"FALLBACK_AFTER" envDefault:"10s" help:"for how long the backend does not answer before the fallback scores"`
}

// validateFallback reports what of the fallback's settings is wrong.
func (c *config) validateFallback() error {
	switch f := c.Fallback; {
	case f.Backend == "":
		return nil
	case f.Backend != sentiment.BuiltinName:
		return run.Invalid("SCORER_FALLBACK", f.Backend, "use "+sentiment.BuiltinName+", or leave it empty")
	case slices.Contains(sentiment.Names(), c.Backend):
		return run.Invalid("SCORER_FALLBACK", f.Backend, "leave it empty: "+c.Backend+" is part of the scorer and always answers")
	case f.After <= 0:
		return run.Invalid("SCORER_FALLBACK_AFTER", f.After, "set a duration above zero, such as 10s")
	}
	return c.Builtin.validate()
}

// silence is who knows for how long the backend has not answered: the fallback, where there is one.
func silence(backend sentiment.Backend, p *patient) func() time.Duration {
	if f, ok := backend.(*fallback.Backend); ok {
		return f.Silent
	}
	return p.silent
}

// withFallback returns the backend, with the fallback where one is set; its tries of the backend end with work.
func (c *config) withFallback(work context.Context, backend sentiment.Backend, reporter *health.Reporter) (sentiment.Backend, error) {
	if c.Fallback.Backend == "" {
		return backend, nil
	}
	spare, err := c.openOwn(sentiment.BuiltinName)
	if err != nil {
		return nil, errors.Join(errors.New("open the fallback"), err)
	}
	return fallback.New(work, fallback.Options{Main: backend, Name: c.Backend, Spare: spare, After: c.Fallback.After, Health: reporter}), nil
}
