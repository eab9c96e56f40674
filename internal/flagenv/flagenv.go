// Package flagenv parses a command line whose every flag has a twin in the environment:
// --raft-addr of the program with prefix CORE is also CORE_RAFT_ADDR. The command line wins.
//
// It promises that a bad value ends in one line that names the flag (or the variable) and says what
// to give instead, and that --help shows every flag with its variable and its default. It refuses
// arguments that are not flags. Read Parse and UsageError first.
package flagenv

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Exit codes of every program.
const (
	ExitStopped   = 0 // stopped as asked
	ExitFailed    = 1 // failed while running
	ExitBadConfig = 2 // bad configuration
)

// ErrHelp says that help was asked for and has been printed to the flag set's output.
var ErrHelp = flag.ErrHelp

// UsageError is a bad setting. Its text is one line for the person who gave it.
type UsageError struct {
	// Setting is what was given: "--raft-addr" or "CORE_RAFT_ADDR".
	Setting string
	// Value is the value that was refused; empty when the setting itself is unknown.
	Value string
	// Want says what to give instead.
	Want string
}

// Error implements error.
func (e *UsageError) Error() string {
	var b strings.Builder
	b.WriteString(e.Setting)
	if e.Value != "" {
		fmt.Fprintf(&b, " %s", strconv.Quote(clip(e.Value)))
	}
	b.WriteString(": ")
	b.WriteString(e.Want)
	return strings.Map(oneLine, b.String())
}

// Errorf is for checks after Parse: it names the flag and says what to give instead.
func Errorf(name, format string, args ...any) error {
	return &UsageError{Setting: "--" + name, Want: fmt.Sprintf(format, args...)}
}

// ExitCode is what a program whose main ended with err exits with: 0 for nil and for help, 2 for a
// bad setting, 1 for anything else.
func ExitCode(err error) int {
	var usage *UsageError
	switch {
	case err == nil, errors.Is(err, ErrHelp):
		return ExitStopped
	case errors.As(err, &usage):
		return ExitBadConfig
	}
	return ExitFailed
}

// Env is the variable of a flag: prefix CORE and flag raft-addr make CORE_RAFT_ADDR.
func Env(prefix, name string) string {
	return strings.ToUpper(prefix) + "_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// Parse sets the flags of fs from the environment, then from args. The error is ErrHelp, a
// *UsageError, or nil. It prints nothing but the help that was asked for.
func Parse(fs *flag.FlagSet, prefix string, args []string) error {
	return parse(fs, prefix, args, os.LookupEnv)
}

// ParseBut is Parse, but these flags are taken from the command line only: their variables are settings of
// another command, with which this one would do something else than it was asked to.
func ParseBut(fs *flag.FlagSet, prefix string, args []string, names ...string) error {
	return parse(fs, prefix, args, os.LookupEnv, names...)
}

// Given tells which flags are on the command line.
func Given(args []string) map[string]bool {
	given := map[string]bool{}
	for _, a := range args {
		if name, _, _, err := split(a); err == nil {
			given[name] = true
		}
	}
	return given
}

func parse(fs *flag.FlagSet, prefix string, args []string, lookup func(string) (string, bool), but ...string) error {
	if err := fromEnvironment(fs, prefix, lookup, args, but); err != nil {
		return err
	}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		name, value, hasValue, err := split(arg)
		if err != nil {
			return err
		}
		if name == "help" || name == "h" && fs.Lookup("h") == nil {
			printHelp(fs, prefix, but)
			return ErrHelp
		}
		f := fs.Lookup(name)
		if f == nil {
			return &UsageError{Setting: "--" + clip(name), Want: "there is no such flag; --help lists all of them"}
		}
		if !hasValue {
			switch {
			case isBool(f):
				value = "true"
			case len(args) == 0:
				return &UsageError{Setting: "--" + name, Want: "needs a value: " + want(f)}
			default:
				value, args = args[0], args[1:]
			}
		}
		if err := fs.Set(name, value); err != nil {
			return refuse("--"+name, value, f, err)
		}
	}
	return nil
}

// fromEnvironment leaves a variable alone whose flag is on the command line, so that a flag also
// overrules a variable that is wrong.
func fromEnvironment(fs *flag.FlagSet, prefix string, lookup func(string) (string, bool), args, but []string) (err error) {
	given := Given(args)
	if given["help"] || given["h"] && fs.Lookup("h") == nil {
		return nil
	}
	fs.VisitAll(func(f *flag.Flag) {
		env := Env(prefix, f.Name)
		value, ok := lookup(env)
		if err != nil || !ok || given[f.Name] || slices.Contains(but, f.Name) {
			return
		}
		if e := fs.Set(f.Name, value); e != nil {
			err = refuse(env, value, f, e)
		}
	})
	return err
}

func split(arg string) (name, value string, hasValue bool, err error) {
	rest, ok := strings.CutPrefix(arg, "-")
	if !ok || rest == "" || rest == "-" {
		return "", "", false, &UsageError{Setting: "argument", Value: arg, Want: "settings are flags, written --name=value; --help lists them"}
	}
	rest = strings.TrimPrefix(rest, "-")
	name, value, hasValue = strings.Cut(rest, "=")
	if name == "" || name[0] == '-' {
		return "", "", false, &UsageError{Setting: "argument", Value: arg, Want: "settings are flags, written --name=value; --help lists them"}
	}
	return name, value, hasValue, nil
}

func refuse(setting, value string, f *flag.Flag, err error) error {
	w := want(f)
	// A flag's own Value may know better than its type what is missing.
	if w == "" || err != nil && !isStandard(f) {
		w = err.Error()
	}
	return &UsageError{Setting: setting, Value: value, Want: w}
}

func isBool(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

func clip(s string) string {
	const longest = 80
	if len(s) > longest {
		return s[:longest] + "…"
	}
	return s
}

// oneLine keeps what people gave from breaking the one line they are promised.
func oneLine(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}

func printHelp(fs *flag.FlagSet, prefix string, but []string) {
	out := fs.Output()
	switch out {
	case nil:
		out = io.Discard
	case os.Stderr: // nobody chose: help that was asked for is a result, to be piped on
		out = os.Stdout
	}
	help(out, fs, prefix, but)
}
