package flagenv

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"time"
)

// want says in words what a standard flag takes.
func want(f *flag.Flag) string {
	g, ok := f.Value.(flag.Getter)
	if !ok {
		_, usage := flag.UnquoteUsage(f)
		return usage
	}
	switch g.Get().(type) {
	case bool:
		return "give true or false"
	case int, int64:
		return "give a whole number, such as " + example(f, "10")
	case uint, uint64:
		return "give a whole number that is not negative, such as " + example(f, "10")
	case float64:
		return "give a number, such as " + example(f, "0.5")
	case time.Duration:
		return "give a duration with its unit, such as " + example(f, "2s") + " (units: ms, s, m, h)"
	}
	_, usage := flag.UnquoteUsage(f)
	return usage
}

func example(f *flag.Flag, otherwise string) string {
	if f.DefValue == "" || f.DefValue == "0" || f.DefValue == "0s" {
		return otherwise
	}
	return f.DefValue
}

// isStandard reports whether the value is one of package flag's own, whose parse errors say less
// than want does.
func isStandard(f *flag.Flag) bool {
	g, ok := f.Value.(flag.Getter)
	if !ok {
		return false
	}
	switch g.Get().(type) {
	case bool, int, int64, uint, uint64, float64, time.Duration:
		return true
	}
	return false
}

func help(w io.Writer, fs *flag.FlagSet, prefix string, but []string) {
	fmt.Fprintf(w, "Usage: %s [flags]\n\nEvery flag has a twin in the environment; the command line wins.\n\n", fs.Name())
	fs.VisitAll(func(f *flag.Flag) {
		kind, usage := flag.UnquoteUsage(f)
		if kind != "" {
			kind = " " + kind
		}
		value := f.DefValue
		if value == "" {
			value = "none"
		}
		from := "environment " + Env(prefix, f.Name)
		if slices.Contains(but, f.Name) {
			from = "on the command line only"
		}
		fmt.Fprintf(w, "  --%s%s\n        %s\n        default %s, %s\n", f.Name, kind, usage, value, from)
	})
}
