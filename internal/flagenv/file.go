package flagenv

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

// settingsMax bounds a settings file.
const settingsMax = 1 << 20

// Sources tell where flags got their values that are not from the command line.
type Sources struct {
	from map[string]string // flag → FILE:LINE: NAME
	// Overruled are the flags that a settings file sets and the command line or the environment sets, too.
	Overruled []string
}

// ParseFile is Parse, and then sets from a file what neither args nor the environment set. The file's name is the value of the
// flag named; empty: there is none. It has lines NAME=VALUE with the names of the environment, as systemd's EnvironmentFile has:
// empty lines and those that begin with # or ; are skipped, and a value may stand in quotes. A bad line is a *UsageError that names it.
func ParseFile(fs *flag.FlagSet, prefix string, args []string, named string) (Sources, error) {
	return parseFile(fs, prefix, args, named, os.LookupEnv)
}

func parseFile(fs *flag.FlagSet, prefix string, args []string, named string, lookup func(string) (string, bool)) (Sources, error) {
	s := Sources{from: map[string]string{}}
	if err := parse(fs, prefix, args, lookup); err != nil {
		return s, err
	}
	path := fs.Lookup(named).Value.String()
	if path == "" {
		return s, nil
	}
	lines, err := readSettings(path)
	if err != nil {
		return s, Errorf(named, "%v", err)
	}
	flags := map[string]*flag.Flag{}
	fs.VisitAll(func(f *flag.Flag) { flags[Env(prefix, f.Name)] = f })
	given, first := Given(args), map[string]int{}
	for _, l := range lines {
		at := fmt.Sprintf("%s:%d: %s", path, l.number, clip(l.name))
		f := flags[l.name]
		_, set := lookup(l.name)
		switch {
		case l.bad != "":
			return s, &UsageError{Setting: fmt.Sprintf("%s:%d", path, l.number), Value: l.name, Want: l.bad}
		case f == nil:
			return s, &UsageError{Setting: at, Want: "there is no such setting; --help lists all of them"}
		case f.Name == named:
			return s, &UsageError{Setting: at, Want: "a settings file cannot name another one"}
		case first[l.name] > 0:
			return s, &UsageError{Setting: at, Want: fmt.Sprintf("is set in line %d already", first[l.name])}
		}
		first[l.name] = l.number
		if given[f.Name] || set {
			s.Overruled = append(s.Overruled, f.Name)
			continue
		}
		if err := fs.Set(f.Name, l.value); err != nil {
			return s, refuse(at, l.value, f, err)
		}
		s.from[f.Name] = at
	}
	slices.Sort(s.Overruled)
	return s, nil
}

// Blame makes an error that names a flag name the line of the file that set it instead.
func (s Sources) Blame(err error) error {
	var usage *UsageError
	if !errors.As(err, &usage) {
		return err
	}
	at, ok := s.from[strings.TrimPrefix(usage.Setting, "--")]
	if !ok {
		return err
	}
	return &UsageError{Setting: at, Value: usage.Value, Want: usage.Want}
}

// setting is a line of a settings file; bad says what is wrong with its form, and name is then the line.
type setting struct {
	number           int
	name, value, bad string
}

func readSettings(path string) (all []setting, err error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.Size() > settingsMax {
		return nil, fmt.Errorf("%s has %d bytes; a settings file has at most %d", path, st.Size(), settingsMax)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	number := 0
	for line := range strings.Lines(string(b)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		all = append(all, parseSetting(number, line))
	}
	return all, nil
}

func parseSetting(number int, line string) setting {
	name, value, ok := strings.Cut(line, "=")
	if !ok || strings.TrimSpace(name) != name || name == "" {
		return setting{number: number, name: line, bad: "give NAME=VALUE, without spaces around the name"}
	}
	value = strings.TrimSpace(value)
	if value != "" && (value[0] == '"' || value[0] == '\'') {
		inner := value[1:]
		if !strings.HasSuffix(inner, value[:1]) {
			return setting{number: number, name: line, bad: "the quote is not closed"}
		}
		if value = inner[:len(inner)-1]; strings.ContainsAny(value, `"'\`) {
			return setting{number: number, name: line, bad: "a value in quotes has neither quotes nor backslashes in it"}
		}
	}
	if strings.HasSuffix(value, `\`) {
		return setting{number: number, name: line, bad: "a setting does not go on in the next line"}
	}
	return setting{number: number, name: name, value: value}
}
