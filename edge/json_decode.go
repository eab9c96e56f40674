package edge

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"

	"meridian/api"
)

// maxFieldErrors bounds how many faults of one body are listed.
const maxFieldErrors = 20

// maxDepth bounds the nesting of a body.
const maxDepth = 32

// decodeJSON reads one JSON object into v and is stricter than encoding/json: names match exactly, an
// unknown or repeated name, a null where there must be a value and a value of another type are
// 422 invalid with their paths; what is not JSON, not UTF-8 or goes on after the object is 400 malformed.
func decodeJSON(body []byte, v any) error {
	if decodeQuickly(body, v) {
		return nil
	}
	return decodeStrictly(body, v)
}

// decodeQuickly reads a body in which nothing is wrong in one pass, and leaves v as it was where something may be: then decodeStrictly says what. It is for
// events, which come by the ten thousand. The decoder refuses all that must be refused but null, which it takes for nothing.
func decodeQuickly(body []byte, v any) bool {
	to := reflect.ValueOf(v).Elem()
	if bytes.Contains(body, []byte("null")) || depth(body) > maxDepth || !to.IsZero() {
		return false
	}
	if err := jsonv2.Unmarshal(body, v, jsonv2.RejectUnknownMembers(true)); err != nil {
		to.SetZero()
		return false
	}
	return true
}

func decodeStrictly(body []byte, v any) error {
	if !utf8.Valid(body) {
		return badBody("The body is not valid UTF-8.")
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return badBody("The body is empty. Send a JSON object.")
	}
	if err := wellFormed(body); err != nil {
		return err
	}
	c := checker{}
	c.value("", body, reflect.TypeOf(v).Elem(), false)
	if len(c.errs) > 0 {
		return api.InvalidFields(c.errs)
	}
	return asFieldError(json.Unmarshal(body, v))
}

// decodeOptional is decodeJSON for a body that may be left out.
func decodeOptional(body []byte, v any) error {
	if len(body) == 0 {
		return nil
	}
	return decodeJSON(body, v)
}

func badBody(format string, args ...any) *api.Error {
	return api.NewError(api.CodeMalformed, format, args...)
}

// wellFormed checks syntax and depth, and that nothing follows the first value.
func wellFormed(body []byte) error {
	if json.Valid(body) && depth(body) <= maxDepth {
		return nil
	}
	return faultOf(body)
}

// depth is how deep a valid body is nested.
func depth(body []byte) (deepest int) {
	at, inText := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			at++
			deepest = max(deepest, at)
		case c == '}' || c == ']':
			at--
		}
	}
	return deepest
}

// faultOf finds what is wrong with a body, and where.
func faultOf(body []byte) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	depth := 0
	for {
		tok, err := dec.Token()
		if err != nil {
			return badBody("The body is not valid JSON: it breaks off or has a fault near byte %d.", dec.InputOffset())
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth > maxDepth {
			return badBody("The body is nested more than %d levels deep.", maxDepth)
		}
		if depth == 0 {
			break
		}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return badBody("There is something after the JSON value, at byte %d. Send one value only.", dec.InputOffset())
	}
	return badBody("The body is not valid JSON.")
}

// checker holds a JSON value against a type and gathers what does not fit.
type checker struct{ errs []api.FieldError }

func (c *checker) fail(path, format string, args ...any) {
	if len(c.errs) < maxFieldErrors {
		if path == "" {
			path = "body"
		}
		c.errs = append(c.errs, api.FieldError{Field: clip(path, 120), Message: fmt.Sprintf(format, args...)})
	}
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// value checks raw, one well-formed JSON value, against t.
func (c *checker) value(path string, raw []byte, t reflect.Type, nullable bool) {
	raw = bytes.TrimSpace(raw)
	if t.Kind() == reflect.Pointer {
		t, nullable = t.Elem(), true
	}
	if string(raw) == "null" {
		if !nullable {
			c.fail(path, "must be %s, not null", article(t))
		}
		return
	}
	if p := reflect.PointerTo(t); p.Implements(jsonUnmarshaler) || p.Implements(textUnmarshaler) {
		if raw[0] != '"' {
			c.fail(path, "must be a text")
		}
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		c.object(path, raw, t)
	case reflect.Map:
		c.mapping(path, raw, t)
	case reflect.Slice:
		c.list(path, raw, t)
	case reflect.String:
		c.kind(path, raw[0] == '"', t)
	case reflect.Bool:
		c.kind(path, raw[0] == 't' || raw[0] == 'f', t)
	case reflect.Int, reflect.Int64:
		_, err := strconv.ParseInt(string(raw), 10, 64)
		c.kind(path, err == nil, t)
	case reflect.Float64:
		_, err := strconv.ParseFloat(string(raw), 64) // JSON has no NaN; what is too large is refused here
		c.kind(path, err == nil, t)
	default:
		c.fail(path, "cannot be sent")
	}
}

func (c *checker) kind(path string, ok bool, t reflect.Type) {
	if !ok {
		c.fail(path, "must be %s", article(t))
	}
}

func (c *checker) object(path string, raw []byte, t reflect.Type) {
	if raw[0] != '{' {
		c.fail(path, "must be an object")
		return
	}
	fields := fieldsOf(t)
	seen := map[string]bool{}
	eachMember(raw, func(name string, value []byte) {
		at := join(path, name)
		f, known := fields[name]
		switch {
		case !known:
			c.fail(at, "is not a field of this request")
		case seen[name]:
			c.fail(at, "is given twice")
		default:
			seen[name] = true
			c.value(at, value, f, f.Kind() == reflect.Slice || f.Kind() == reflect.Map)
		}
	})
}

func (c *checker) mapping(path string, raw []byte, t reflect.Type) {
	if raw[0] != '{' {
		c.fail(path, "must be an object")
		return
	}
	seen := map[string]bool{}
	eachMember(raw, func(name string, value []byte) {
		if seen[name] {
			c.fail(join(path, name), "is given twice")
			return
		}
		seen[name] = true
		c.value(join(path, name), value, t.Elem(), false)
	})
}

func (c *checker) list(path string, raw []byte, t reflect.Type) {
	if t.Elem().Kind() == reflect.Uint8 {
		c.kind(path, raw[0] == '"', t)
		return
	}
	if raw[0] != '[' {
		c.fail(path, "must be a list")
		return
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.Token(); err != nil {
		return
	}
	for i := 0; dec.More(); i++ {
		var item json.RawMessage
		if dec.Decode(&item) != nil {
			return
		}
		c.value(join(path, strconv.Itoa(i)), item, t.Elem(), false)
	}
}

// eachMember walks the members of a well-formed object in their order.
func eachMember(raw []byte, f func(name string, value []byte)) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.Token(); err != nil {
		return
	}
	for dec.More() {
		tok, err := dec.Token()
		name, ok := tok.(string)
		var value json.RawMessage
		if err != nil || !ok || dec.Decode(&value) != nil {
			return
		}
		f(name, value)
	}
}

// fieldsOf maps the JSON names of a struct to their types; embedded structs are part of it.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		if name := jsonName(f); name != "" {
			fields[name] = f.Type
		}
	}
	return fields
}

// jsonName is the name a field has in JSON, or "" for none.
func jsonName(f reflect.StructField) string {
	tag := f.Tag.Get("json")
	if !f.IsExported() || tag == "-" || (f.Anonymous && tag == "") {
		return ""
	}
	name, _, _ := strings.Cut(tag, ",")
	if name == "" {
		name = f.Name
	}
	return name
}

// asFieldError turns what is left for encoding/json to find, such as a broken index, into a refusal.
func asFieldError(err error) error {
	if err == nil {
		return nil
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return api.Invalid(wrong.Field, "must be %s", article(wrong.Type))
	}
	return api.Invalid("body", "holds a value that cannot be read").WithCause(err)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// article names a type to people.
func article(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "a text"
		}
		return "a list"
	}
	return "an object"
}

// cut shortens a text to at most n bytes without cutting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// clip is cut with a mark where something is missing.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return cut(s, n) + "…"
}
