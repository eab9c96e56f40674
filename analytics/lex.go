package analytics

import (
	"errors"
	"strings"
)

// sqlWord is a word of a statement: a bare word or number, a quoted text with its quotes, or one other character.
type sqlWord struct {
	text       string
	start, end int
	// depth is how many brackets are open around it; a bracket has the depth of what is around it.
	depth int
}

func (w sqlWord) is(keyword string) bool { return strings.EqualFold(w.text, keyword) }

// named says that the word can be a name.
func (w sqlWord) named() bool {
	return w.text != "" && (wordByte(w.text[0]) || w.text[0] == '`' || w.text[0] == '"')
}

// lexSQL splits a statement into words and leaves out comments.
func lexSQL(s string) ([]sqlWord, error) {
	var words []sqlWord
	depth := 0
	for i := 0; i < len(s); {
		c, start := s[i], i
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case strings.HasPrefix(s[i:], "--"):
			end := strings.IndexByte(s[i:], '\n')
			if end < 0 {
				return nil, errors.New("a comment has no end of line")
			}
			i += end + 1
			continue
		case strings.HasPrefix(s[i:], "/*"):
			end := strings.Index(s[i+2:], "*/")
			if end < 0 {
				return nil, errors.New("a comment is not closed")
			}
			i += 2 + end + 2
			continue
		case c == '\'' || c == '"' || c == '`':
			end := closing(s[i+1:], c)
			if end < 0 {
				return nil, errors.New("a quote is not closed")
			}
			i += 1 + end + 1
		case c == '$' || c == '#':
			return nil, errors.New("outside of quotes there is a " + string(c))
		case wordByte(c):
			for i < len(s) && wordByte(s[i]) {
				i++
			}
		default:
			i++
		}
		if c == ')' || c == ']' || c == '}' {
			if depth--; depth < 0 {
				return nil, errors.New("a bracket is closed that was not opened")
			}
		}
		words = append(words, sqlWord{s[start:i], start, i, depth})
		if c == '(' || c == '[' || c == '{' {
			depth++
		}
	}
	if depth != 0 {
		return nil, errors.New("a bracket is not closed")
	}
	return words, nil
}
