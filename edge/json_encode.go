package edge

import (
	"encoding/json"
	"reflect"
	"strings"
)

const (
	typeJSON = "application/json"
	typeHTML = "text/html; charset=utf-8"
)

// reply fills an answer with v as JSON.
func reply(a *Answer, status int, v any) (*Answer, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	a.Status, a.ContentType, a.Body = status, typeJSON, body
	return a, nil
}

// nothing fills an answer with 204.
func nothing(a *Answer) (*Answer, error) {
	a.Status = 204
	return a, nil
}

// fillNil makes every nil list and map in *v an empty one, so that clients read [] and never null.
// Lists that are left out when empty stay nil.
func fillNil(v any) { fill(reflect.ValueOf(v).Elem()) }

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem())
		}
	case reflect.Struct:
		t := v.Type()
		for i := range v.NumField() {
			if f := t.Field(i); f.IsExported() && !strings.HasSuffix(f.Tag.Get("json"), ",omitempty") {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		if v.IsNil() && v.CanSet() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		if holdsLists(v.Type().Elem()) {
			for i := range v.Len() {
				fill(v.Index(i))
			}
		}
	case reflect.Map:
		if v.IsNil() && v.CanSet() {
			v.Set(reflect.MakeMap(v.Type()))
		}
	}
}

// holdsLists says that values of t may contain lists or maps.
func holdsLists(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct, reflect.Pointer, reflect.Slice, reflect.Map:
		return true
	}
	return false
}
