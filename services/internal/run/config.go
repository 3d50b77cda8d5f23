package run

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Configuration is a service's settings: a pointer to a struct that embeds Config, whose
// fields bear `env` tags (github.com/caarlos0/env). Each variable NAME_OF_IT is a flag
// -name-of-it as well, except for fields of type Secret, which only the environment gives.
type Configuration interface {
	// Common returns the embedded Config.
	Common() *Config
	// Validate reports every field that is wrong, by errors from Invalid, joined.
	Validate() error
}

// Config is the settings that every service has.
type Config struct {
	// Pipeline is what the service belongs to, as <namespace>/<name>.
	Pipeline string `env:"PIPELINE" envDefault:"default/local" help:"the pipeline that the service belongs to, as <namespace>/<name>"`
	// Instance tells this process from its replicas; the host's name unless set.
	Instance string `env:"INSTANCE" help:"tells this process from its replicas; the host's name unless set"`
	// LogLevel is the lowest level that is logged.
	LogLevel slog.Level `env:"LOG_LEVEL" envDefault:"info" help:"debug, info, warn or error"`
	// LogFormat is json or text.
	LogFormat string `env:"LOG_FORMAT" envDefault:"json" help:"json or text"`
	// ListenAddress serves /healthz, /readyz and /metrics.
	ListenAddress string `env:"LISTEN_ADDRESS" envDefault:":8080" help:"where /healthz, /readyz and /metrics are served"`
	// DrainTimeout is how long the work in hand may take after a stop signal.
	DrainTimeout time.Duration `env:"DRAIN_TIMEOUT" envDefault:"25s" help:"how long the work in hand may take after a stop signal"`
	// ValueFormat is how values stand in Kafka: Protobuf or JSON. Readers take both.
	ValueFormat string `env:"VALUE_FORMAT" envDefault:"Protobuf" help:"how values are written to Kafka: Protobuf or JSON"`
}

// Common returns c; it makes a struct that embeds Config a Configuration.
func (c *Config) Common() *Config { return c }

func (c *Config) validate() error {
	var errs []error
	if c.LogFormat != "json" && c.LogFormat != "text" {
		errs = append(errs, Invalid("LOG_FORMAT", c.LogFormat, "set it to json or text"))
	}
	if c.ValueFormat != "Protobuf" && c.ValueFormat != "JSON" {
		errs = append(errs, Invalid("VALUE_FORMAT", c.ValueFormat, "set it to Protobuf or JSON"))
	}
	if c.DrainTimeout <= 0 {
		errs = append(errs, Invalid("DRAIN_TIMEOUT", c.DrainTimeout, "set a duration above zero, such as 25s"))
	}
	if !strings.Contains(c.Pipeline, "/") {
		errs = append(errs, Invalid("PIPELINE", c.Pipeline, "set it to <namespace>/<name>"))
	}
	return errors.Join(errs...)
}

// Secret is a setting that never appears in a log, an error, an argument list or a page:
// it prints as [secret] wherever it is formatted. Value gives what it holds.
type Secret string

// Value returns the secret itself.
func (s Secret) Value() string { return string(s) }

// String returns "[secret]", or "" for an empty one.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[secret]"
}

// GoString keeps %#v from showing it.
func (s Secret) GoString() string { return s.String() }

// LogValue keeps slog from showing it.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps encoders from showing it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// FieldError is a setting with a wrong value.
type FieldError struct {
	Field  string
	Value  string
	Remedy string
}

// Error reads: FIELD "value": remedy.
func (e *FieldError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("%s is empty: %s", e.Field, e.Remedy)
	}
	return fmt.Sprintf("%s %q: %s", e.Field, e.Value, e.Remedy)
}

// Invalid returns the error for a setting with a wrong value and how to mend it. A value
// of type Secret is not shown; one that is very long is cut.
func Invalid(field string, value any, remedy string) error {
	v := fmt.Sprint(value)
	if len(v) > 200 {
		v = v[:200] + "…"
	}
	return &FieldError{Field: field, Value: v, Remedy: remedy}
}

// Parse fills cfg from environ ("NAME=value") and args, and validates it. -h prints all
// settings to stderr and returns flag.ErrHelp.
func Parse(name string, cfg Configuration, args, environ []string, stderr io.Writer) error {
	vars := Variables(cfg)
	values := env.ToMap(environ)
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() { usage(stderr, name, vars) }
	for _, v := range vars {
		if v.Secret {
			continue
		}
		fs.Func(v.Flag(), v.Help, func(s string) error { values[v.Name] = s; return nil })
	}
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fs.Usage()
			return err
		}
		return fmt.Errorf("%w (see %s -h)", err, name)
	}
	if fs.NArg() > 0 {
		return Invalid("argument", fs.Arg(0), "only flags are taken; see -h")
	}
	if err := env.ParseWithOptions(cfg, env.Options{Environment: values}); err != nil {
		return parseErrors(err, vars, values)
	}
	common := cfg.Common()
	if common.Instance == "" {
		common.Instance, _ = os.Hostname()
	}
	return errors.Join(common.validate(), cfg.Validate())
}

// parseErrors turns env's errors into FieldErrors that name the variable.
func parseErrors(err error, vars []Variable, values map[string]string) error {
	var agg env.AggregateError
	if !errors.As(err, &agg) {
		return err
	}
	var errs []error
	for _, e := range agg.Errors {
		var pe env.ParseError
		if !errors.As(e, &pe) {
			errs = append(errs, e)
			continue
		}
		i := slices.IndexFunc(vars, func(v Variable) bool { return v.field == pe.Name && v.typ == pe.Type })
		if i < 0 {
			errs = append(errs, e)
			continue
		}
		var value any = values[vars[i].Name]
		if vars[i].Secret {
			value = Secret(values[vars[i].Name])
		}
		errs = append(errs, Invalid(vars[i].Name, value, fmt.Sprintf("%v; wanted: %s", pe.Err, vars[i].Help)))
	}
	return errors.Join(errs...)
}

// Variable is one setting of a service.
type Variable struct {
	Name     string
	Default  string
	Required bool
	Secret   bool
	Help     string

	field string
	typ   reflect.Type
}

// Flag is the variable's flag without the dash.
func (v Variable) Flag() string { return strings.ToLower(strings.ReplaceAll(v.Name, "_", "-")) }

// Variables lists cfg's settings in the order of its fields.
func Variables(cfg Configuration) []Variable {
	return variables(reflect.TypeOf(cfg).Elem(), "")
}

func variables(t reflect.Type, prefix string) []Variable {
	var out []Variable
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("env")
		name, opts, _ := strings.Cut(tag, ",")
		switch {
		case name == "-" || !f.IsExported():
		case name != "":
			out = append(out, Variable{
				Name: prefix + name, Default: f.Tag.Get("envDefault"), Help: f.Tag.Get("help"),
				Required: strings.Contains(opts, "required") || strings.Contains(opts, "notEmpty"),
				Secret:   f.Type == reflect.TypeFor[Secret](), field: f.Name, typ: f.Type,
			})
		case f.Type.Kind() == reflect.Struct:
			out = append(out, variables(f.Type, prefix+f.Tag.Get("envPrefix"))...)
		}
	}
	return out
}

func usage(w io.Writer, name string, vars []Variable) {
	fmt.Fprintf(w, "Usage: %s [-flag value ...]\n\nEvery setting is an environment variable and, but for secrets, a flag that beats it. -version tells what was built.\n\n", name)
	for _, v := range vars {
		flagName := "-" + v.Flag()
		if v.Secret {
			flagName = "(environment only)"
		}
		fmt.Fprintf(w, "  %s  %s\n      %s", v.Name, flagName, v.Help)
		if v.Default != "" {
			fmt.Fprintf(w, " (default %s)", v.Default)
		}
		if v.Required {
			fmt.Fprint(w, " (required)")
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, "\nOTEL_EXPORTER_OTLP_ENDPOINT turns traces on; with it OpenTelemetry's other variables hold: see docs/tracing.md.")
}
