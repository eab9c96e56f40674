package main

import (
	"bytes"
	"strings"
)

// statement is what the server must know about a text before the engine sees it.
type statement struct {
	// verb is the first keyword, in upper case.
	verb string
	// stream says that rows follow the statement; head is then the statement without its FORMAT or
	// VALUES, format names the rows' encoding and data holds those inside the text.
	stream   bool
	head     string
	format   string
	data     []byte
	settings bool // head ends in a SETTINGS clause
}

// parseStatement reads just enough SQL: quotes, comments, brackets and a few keywords outside them.
func parseStatement(text []byte) statement {
	s := scanner{text: text}
	first, ok := s.next()
	if !ok {
		return statement{}
	}
	st := statement{verb: strings.ToUpper(first.word)}
	if st.verb == "INSERT" {
		st.readInsert(&s)
		return st
	}
	for {
		t, ok := s.next()
		if !ok {
			return st
		}
		if t.depth == 0 && strings.EqualFold(t.word, "FORMAT") {
			if name, ok := s.peekWord(); ok {
				st.format = name
			}
		}
	}
}

// readInsert looks for where the rows begin. The word after INTO (and TABLE or FUNCTION) is a name,
// whatever it is.
func (st *statement) readInsert(s *scanner) {
	name := false
	for {
		t, ok := s.next()
		if !ok {
			return
		}
		word := strings.ToUpper(t.word)
		if t.depth > 0 {
			continue
		}
		switch {
		case word == "INTO" && !name:
			name = true
			if next, ok := s.peekWord(); ok && (strings.EqualFold(next, "TABLE") || strings.EqualFold(next, "FUNCTION")) {
				s.next()
			}
			s.next()
		case word == "SETTINGS":
			st.settings = true
		case word == "SELECT" || word == "WITH" || word == "FROM" || word == "WATCH":
			st.settings = false
			return
		case word == "VALUES":
			st.stream, st.head, st.format = true, string(s.text[:t.start]), "Values"
			st.data = s.text[t.end:]
			return
		case word == "FORMAT":
			f, ok := s.next()
			if !ok || f.word == "" {
				return
			}
			st.stream, st.head, st.format = true, string(s.text[:t.start]), f.word
			st.data = afterFormat(s.text[f.end:])
			return
		}
	}
}

// afterFormat skips what separates the format's name from its rows: blanks and one line end.
func afterFormat(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == ';') {
		b = b[1:]
	}
	if len(b) > 0 && b[0] == '\r' {
		b = b[1:]
	}
	if len(b) > 0 && b[0] == '\n' {
		b = b[1:]
	}
	return b
}

// withSettings is the head of a streamed INSERT with more settings.
func (st statement) withSettings(settings map[string]string) string {
	head := strings.TrimSpace(st.head)
	if len(settings) == 0 {
		return head
	}
	if st.settings {
		return head + ", " + settingList(settings)
	}
	return head + " SETTINGS " + settingList(settings)
}

// reads says that a statement changes nothing, as far as its first word tells.
func (st statement) reads() bool {
	switch st.verb {
	case "SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS":
		return true
	}
	return false
}

type token struct {
	word       string // empty for anything that is not a bare word
	start, end int
	depth      int
}

// scanner walks over SQL text. It never goes back and never looks at a byte more than twice.
type scanner struct {
	text  []byte
	pos   int
	depth int
}

func (s *scanner) peekWord() (string, bool) {
	saved := *s
	t, ok := s.next()
	*s = saved
	return t.word, ok && t.word != ""
}

func (s *scanner) next() (token, bool) {
	for s.pos < len(s.text) {
		start, c := s.pos, s.text[s.pos]
		switch {
		case c == '\'' || c == '"' || c == '`':
			s.quoted(c)
			return token{start: start, end: s.pos, depth: s.depth}, true
		case c == '-' && s.at(1) == '-', c == '#' && (s.at(1) == '!' || s.at(1) == ' '):
			s.skipPast("\n")
		case c == '/' && s.at(1) == '*':
			s.pos += 2
			s.skipPast("*/")
		case c == '(' || c == '[' || c == '{':
			s.depth++
			s.pos++
		case c == ')' || c == ']' || c == '}':
			s.depth = max(0, s.depth-1)
			s.pos++
		case wordByte(c):
			for s.pos < len(s.text) && wordByte(s.text[s.pos]) {
				s.pos++
			}
			return token{word: string(s.text[start:s.pos]), start: start, end: s.pos, depth: s.depth}, true
		default:
			s.pos++
		}
	}
	return token{}, false
}

func (s *scanner) at(offset int) byte {
	if s.pos+offset < len(s.text) {
		return s.text[s.pos+offset]
	}
	return 0
}

func (s *scanner) quoted(quote byte) {
	for s.pos++; s.pos < len(s.text); s.pos++ {
		switch s.text[s.pos] {
		case '\\':
			s.pos++
		case quote:
			s.pos++
			return
		}
	}
	s.pos = min(s.pos, len(s.text))
}

func (s *scanner) skipPast(end string) {
	i := bytes.Index(s.text[s.pos:], []byte(end))
	if i < 0 {
		s.pos = len(s.text)
		return
	}
	s.pos += i + len(end)
}

func wordByte(c byte) bool {
	return c == '_' || c == '.' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
