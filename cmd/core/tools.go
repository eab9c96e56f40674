package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"meridian/api"
	"meridian/internal/flagenv"
)

// wantsHelp reports whether it is asked what the commands of a command are.
func wantsHelp(args []string) bool {
	return len(args) > 0 && slices.Contains([]string{"help", "--help", "-help", "-h"}, args[0])
}

// staffFlags are how a command line reaches a running shop.
type staffFlags struct{ url, token string }

func (f *staffFlags) add(fs *flag.FlagSet) {
	fs.StringVar(&f.url, "shop", "http://127.0.0.1:8080", "an edge of the shop")
	fs.StringVar(&f.token, "token", "", "staff token; better given as CORE_TOKEN than on the command line")
}

func (f *staffFlags) call(ctx context.Context, method, path, contentType string, body io.Reader) ([]byte, error) {
	if f.token == "" {
		return nil, flagenv.Errorf("token", "set CORE_TOKEN to a staff token; the demo's are in .demo/credentials.json")
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(f.url, "/")+path, body)
	if err != nil {
		return nil, flagenv.Errorf("shop", "give an address such as http://127.0.0.1:8080")
	}
	req.Header.Set("Authorization", "Bearer "+f.token)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	client := &http.Client{Timeout: 5 * time.Minute}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("reach the shop at %s (--shop names another edge): %w", f.url, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 400 {
		return b, &shopError{resp.StatusCode, b}
	}
	return b, nil
}

// shopError is a refusal of the shop.
type shopError struct {
	status int
	body   []byte
}

// Error implements error: the sentence in the problem document, if there is one, and what is said of fields.
func (e *shopError) Error() string {
	var p api.Error
	if json.Unmarshal(e.body, &p) == nil && p.Detail != "" {
		text := fmt.Sprintf("the shop answered %d: %s", e.status, p.Detail)
		for _, f := range p.Errors {
			text += fmt.Sprintf(" %s: %s", f.Field, f.Message)
		}
		return text
	}
	return fmt.Sprintf("the shop answered %d: %s", e.status, bytes.TrimSpace(e.body))
}

// importCSV imports a product CSV through the staff API.
func importCSV(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("core import", flag.ContinueOnError)
	var f staffFlags
	f.add(fs)
	file := fs.String("file", "", "product CSV in Shopify's format")
	partial := fs.Bool("partial", false, "import the good products although others have errors")
	dry := fs.Bool("dry-run", false, "only say what would happen")
	if err := flagenv.Parse(fs, "CORE", args); err != nil {
		return err
	}
	if *file == "" {
		return flagenv.Errorf("file", "name a product CSV")
	}
	in, err := os.Open(*file)
	if err != nil {
		return flagenv.Errorf("file", "cannot be read: %v", err)
	}
	defer in.Close()
	path := fmt.Sprintf("/admin/api/v1/products/import?partial=%t&dry_run=%t", *partial, *dry)
	b, err := f.call(ctx, http.MethodPost, path, "text/csv", in)
	if err != nil {
		return err
	}
	var report api.ImportReport
	if err := json.Unmarshal(b, &report); err != nil {
		return fmt.Errorf("read the shop's answer: %w", err)
	}
	for _, e := range report.Errors {
		fmt.Printf("line %d, %s: %s\n", e.Line, e.Column, e.Message)
	}
	for _, e := range report.Warnings {
		fmt.Printf("line %d, %s: %s (imported all the same)\n", e.Line, e.Column, e.Message)
	}
	fmt.Printf("%d created, %d updated, %d unchanged, %d errors\n", report.Created, report.Updated, report.Unchanged, len(report.Errors))
	if len(report.Errors) > 0 && !*partial {
		return errors.New("the file has errors; correct them, or import the rest with --partial")
	}
	return nil
}
