package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"meridian/edge"
	"meridian/internal/flagenv"
)

// openapi writes the description that every edge serves, or checks that the one checked in is it.
func openapi(args []string, out io.Writer) error {
	fs := newFlags("openapi", out)
	file := fs.String("out", "docs/openapi.json", "`file` to write; - is standard output")
	check := fs.Bool("check", false, "write nothing; fail if the file differs")
	if err := flagenv.Parse(fs, "OPENAPI", args); err != nil {
		return err
	}
	doc, err := edge.OpenAPI()
	if err != nil {
		return err
	}
	doc = append(bytes.TrimRight(doc, "\n"), '\n')
	switch {
	case *file == "-":
		_, err = out.Write(doc)
		return err
	case *check:
		old, err := os.ReadFile(*file)
		if err != nil {
			return err
		}
		if !bytes.Equal(old, doc) {
			return errors.New(*file + " is not what the code says; run: dev openapi")
		}
		return nil
	}
	if err := os.WriteFile(*file, doc, 0o644); err != nil {
		return err
	}
	fmt.Fprintln(out, "wrote", *file)
	return nil
}
