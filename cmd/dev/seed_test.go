package main

import (
	"errors"
	"fmt"
	"testing"

	"meridian/api"
)

func TestFirstFaultNamesTheLine(t *testing.T) {
	e := api.NewError(api.CodeInvalid, "Nothing was imported.")
	e.Errors = []api.FieldError{{Message: "xx is not a number", Line: 7}, {Message: "empty", Line: 9}}
	if got, want := firstFault(fmt.Errorf("import: %w", e)), " Line 7: xx is not a number (2 faults)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := firstFault(errors.New("no network")); got != "" {
		t.Errorf("%q, want nothing", got)
	}
}
