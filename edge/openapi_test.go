package edge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestOpenAPIOnDiskIsCurrent(t *testing.T) {
	want, err := OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../docs/openapi.json")
	if err != nil {
		t.Fatalf("%v; write it with: go run ./cmd/dev openapi", err)
	}
	if !bytes.Equal(bytes.TrimSpace(got), bytes.TrimSpace(want)) {
		t.Fatal("docs/openapi.json is older than the routes; write it again with: go run ./cmd/dev openapi")
	}
}

// Every reference leads somewhere, every parameter in braces is described, and two runs agree.
func TestOpenAPIHoldsTogether(t *testing.T) {
	text, err := OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	again, err := OpenAPI()
	if err != nil || !bytes.Equal(text, again) {
		t.Fatalf("two runs differ (%v)", err)
	}
	var doc struct {
		OpenAPI    string
		Paths      map[string]map[string]json.RawMessage
		Components struct{ Schemas map[string]json.RawMessage }
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" || len(doc.Paths) < 30 {
		t.Fatalf("version %s with %d paths", doc.OpenAPI, len(doc.Paths))
	}
	const ref = `"$ref": "#/components/schemas/`
	for rest := string(text); ; {
		_, after, found := strings.Cut(rest, ref)
		if !found {
			break
		}
		name, tail, _ := strings.Cut(after, `"`)
		if _, ok := doc.Components.Schemas[name]; !ok {
			t.Errorf("there is no schema %s", name)
		}
		rest = tail
	}
	for pattern, methods := range doc.Paths {
		for method, raw := range methods {
			var op struct {
				OperationID string
				Parameters  []struct{ Name, In string }
				Responses   map[string]json.RawMessage
			}
			if err := json.Unmarshal(raw, &op); err != nil {
				t.Fatal(err)
			}
			inPath := 0
			for _, p := range op.Parameters {
				if p.In == "path" {
					inPath++
					if !strings.Contains(pattern, "{"+p.Name+"}") {
						t.Errorf("%s %s: no %s in the path", method, pattern, p.Name)
					}
				}
			}
			if inPath != strings.Count(pattern, "{") || len(op.Responses) < 2 {
				t.Errorf("%s %s: %d parameters, %d responses", method, pattern, inPath, len(op.Responses))
			}
		}
	}
	for _, field := range []string{"description_html", "compare_at_price", "shipping_address", "decline_code"} {
		if !strings.Contains(string(text), `"`+field+`"`) {
			t.Errorf("no field %s", field)
		}
	}
}

// Whoever is answered with a list and its next has to be able to ask for what follows: a route that does
// not let "after" through gives the first page for ever.
func TestListsCanBePaged(t *testing.T) {
	lists := 0
	short := []string{"listOutboxConsumers", "listReports", "listShippingMethods", "listWaitingRooms"} // whole, always
	for _, o := range NewShop(ShopConfig{}).operations() {
		name := fmt.Sprintf("%T", o.Result)
		if !strings.HasPrefix(name, "api.List[") {
			continue
		}
		lists++
		for _, q := range []string{"after", "limit"} {
			if !slices.Contains(o.Query, q) && !slices.Contains(short, o.ID) {
				t.Errorf("%s answers with a list and does not take %q", o.ID, q)
			}
		}
	}
	if lists < 5 {
		t.Errorf("%d lists only: the test would test nothing", lists)
	}
}
