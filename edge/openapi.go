package edge

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"meridian/api"
)

// operation is a route of the JSON API with what the OpenAPI description says about it.
type operation struct {
	Route
	ID      string
	Summary string
	// Body and Result are samples of the types; nil: none.
	Body, Result any
	// BodyType and ResultType are media types of what is not JSON.
	BodyType, ResultType string
	// Status of success; 0 means 200.
	Status int
	// Roles are those of staff who may do this; none: the merchandiser.
	Roles []string
	// Refusals are the codes beyond those that every route of its kind answers.
	Refusals []api.Code
}

// completed gives the route what all operations share, so that the table needs not repeat it.
func (o operation) completed() operation {
	o.API = true
	if o.Status == 0 {
		o.Status = 200
	}
	return o
}

type object = map[string]any

// OpenAPI is the OpenAPI 3.1 description of the JSON API, made from the route table and the api
// types. It is the same for every edge and changes only with the code.
func OpenAPI() ([]byte, error) {
	doc := describer{schemas: object{}}
	paths := object{}
	for _, op := range new(Shop).operations() {
		item, ok := paths[op.Pattern].(object)
		if !ok {
			item = object{}
			paths[op.Pattern] = item
		}
		item[strings.ToLower(op.Method)] = doc.operation(op.completed())
	}
	doc.ref(reflect.TypeFor[api.Error]())
	return json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info": object{
			"title":       "Meridian",
			"version":     "1",
			"description": "The shop's API on every edge. Money is in minor units, times are RFC 3339 UTC. Refusals are problem documents (RFC 9457) whose code is one of: " + strings.Join(codeNames(), ", ") + ".",
			"license":     object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers": []object{{"url": "/"}},
		"paths":   paths,
		"components": object{
			"schemas": doc.schemas,
			"securitySchemes": object{
				"staff":    object{"type": "http", "scheme": "bearer"},
				"customer": object{"type": "apiKey", "in": "cookie", "name": "session"},
			},
		},
	}, "", "  ")
}

func codeNames() []string {
	var names []string
	for code := range api.Codes() {
		if code != api.CodeNotLeader {
			names = append(names, string(code))
		}
	}
	slices.Sort(names)
	return names
}

// describer gathers the schemas that operations refer to.
type describer struct{ schemas object }

func (d *describer) operation(op operation) object {
	out := object{"operationId": op.ID, "summary": op.Summary, "parameters": parameters(op), "responses": d.responses(op)}
	if body := d.body(op); body != nil {
		out["requestBody"] = body
	}
	switch op.Class {
	case Staff:
		out["security"] = []object{{"staff": []string{}}}
	case Private:
		out["security"] = []object{{}, {"customer": []string{}}}
	}
	return out
}

func parameters(op operation) []object {
	list := []object{}
	for _, part := range strings.Split(op.Pattern, "/") {
		if strings.HasPrefix(part, "{") {
			name := strings.Trim(part, "{}")
			list = append(list, object{"name": name, "in": "path", "required": true, "schema": paramSchema(name)})
		}
	}
	for _, name := range op.Query {
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			list = append(list, object{"name": "facets", "in": "query", "style": "form", "explode": true,
				"description": "Any number of " + prefix + "NAME=VALUE", "schema": object{"type": "object", "additionalProperties": object{"type": "string"}}})
			continue
		}
		list = append(list, object{"name": name, "in": "query", "schema": paramSchema(name)})
	}
	if op.Method != "GET" {
		list = append(list, object{"name": api.HeaderKey, "in": "header", "required": op.NeedKey,
			"description": "The same key with the same body answers the first answer again", "schema": object{"type": "string", "pattern": "^[!-~]{1,128}$"}})
	}
	if slices.Contains(op.Refusals, api.CodePrecondition) {
		list = append(list, object{"name": "If-Match", "in": "header", "schema": object{"type": "string"}})
	}
	return list
}

func paramSchema(name string) object {
	switch name {
	case "handle", "collection", "product":
		return object{"type": "string", "pattern": "^[a-z0-9-]{1,128}$"}
	case "sku":
		return object{"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}
	case "limit":
		return object{"type": "integer", "minimum": 1, "maximum": maxLimit, "default": usualLimit}
	case "sort":
		return object{"type": "string", "enum": sorts[1:]}
	case "status":
		return object{"type": "string", "enum": orderStatuses[1:]}
	case "slot":
		return object{"type": "string", "enum": recommendationSlots[1:]}
	case "interval":
		return object{"type": "string", "enum": reportIntervals[1:]}
	case "format":
		return object{"type": "string", "enum": []string{"json", "csv"}}
	case "partial", "dry_run", "compare":
		return object{"type": "boolean", "default": false}
	case "country":
		return object{"type": "string", "pattern": "^[A-Z]{2}$"}
	}
	return object{"type": "string"}
}

func (d *describer) body(op operation) object {
	switch {
	case op.Body != nil:
		return object{"required": true, "content": object{typeJSON: object{"schema": d.schema(reflect.TypeOf(op.Body))}}}
	case op.BodyType != "":
		return object{"required": true, "content": object{op.BodyType: object{}}}
	}
	return nil
}

func (d *describer) responses(op operation) object {
	done := object{"description": "Done"}
	switch {
	case op.Result != nil:
		done["content"] = object{typeJSON: object{"schema": d.schema(reflect.TypeOf(op.Result))}}
	case op.ResultType != "":
		done["content"] = object{op.ResultType: object{}}
	}
	out := object{strconv.Itoa(op.Status): done}
	byStatus := map[int][]string{}
	for _, code := range op.codes() {
		status := api.Codes()[code]
		byStatus[status] = append(byStatus[status], string(code))
	}
	for status, names := range byStatus {
		slices.Sort(names)
		out[strconv.Itoa(status)] = object{"description": strings.Join(names, ", "),
			"content": object{"application/problem+json": object{"schema": object{"$ref": "#/components/schemas/Error"}}}}
	}
	return out
}

// codes are the refusals that an operation may answer.
func (o operation) codes() []api.Code {
	codes := append([]api.Code{api.CodeInternal, api.CodeOverloaded, api.CodeNoLeader, api.CodeRateLimited, api.CodeInvalid}, o.Refusals...)
	if strings.Contains(o.Pattern, "{") {
		codes = append(codes, api.CodeNotFound)
	}
	if o.MaxBody > 0 {
		codes = append(codes, api.CodeMalformed, api.CodeTooLarge, api.CodeUnsupportedMedia)
	}
	if o.Method != "GET" {
		codes = append(codes, api.CodeKeyReused, api.CodeOutcomeUnknown)
	}
	if o.Class == Staff {
		codes = append(codes, api.CodeUnauthorized, api.CodeForbidden)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// schema describes a type; structs with a name go to the components once.
func (d *describer) schema(t reflect.Type) object {
	if t.Kind() == reflect.Pointer {
		return nullable(d.schema(t.Elem()))
	}
	if reflect.PointerTo(t).Implements(textUnmarshaler) {
		return object{"type": "string"}
	}
	switch t.Kind() {
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint64, reflect.Uint32:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice:
		return object{"type": "array", "items": d.schema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": d.schema(t.Elem())}
	case reflect.Struct:
		return d.ref(t)
	}
	return object{}
}

func nullable(s object) object {
	if kind, ok := s["type"].(string); ok {
		s["type"] = []string{kind, "null"}
		return s
	}
	return object{"oneOf": []object{s, {"type": "null"}}}
}

func (d *describer) ref(t reflect.Type) object {
	name := schemaName(t)
	if _, ok := d.schemas[name]; !ok {
		d.schemas[name] = object{}
		properties, required := object{}, []string{}
		for _, f := range reflect.VisibleFields(t) {
			field := jsonName(f)
			if field == "" {
				continue
			}
			if strings.HasSuffix(t.Name(), "Body") && f.Type.Kind() == reflect.Pointer {
				// Bodies point at what must be told apart from zero; null is no value there.
				properties[field] = d.schema(f.Type.Elem())
			} else {
				properties[field] = d.schema(f.Type)
			}
			if !strings.HasSuffix(f.Tag.Get("json"), ",omitempty") {
				required = append(required, field)
			}
		}
		d.schemas[name] = object{"type": "object", "properties": properties, "required": required}
	}
	return object{"$ref": "#/components/schemas/" + name}
}

// schemaName is a type's name for the components: List[meridian/api.Product] becomes ProductList.
func schemaName(t reflect.Type) string {
	name := t.Name()
	if list, of, ok := strings.Cut(strings.TrimSuffix(name, "]"), "["); ok {
		name = of[strings.LastIndexByte(of, '.')+1:] + list
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// openAPI serves the description.
func (s *Shop) openAPI(context.Context, *Request) (*Answer, error) {
	body, err := OpenAPI()
	if err != nil {
		return nil, err
	}
	return &Answer{ContentType: typeJSON, Body: body, Tags: []string{api.TagContent}}, nil
}
