package report

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Publish prints both tables below the circumstances, and writes them to path and beside it as .tsv if path
// is not empty.
func Publish(path, about string, ls []Line) error {
	fmt.Printf("%s\n%s\n%s", about, Markdown(ls), TSV(ls))
	if path == "" {
		return nil
	}
	return errors.Join(os.WriteFile(path, []byte(about+"\n"+Markdown(ls)), 0o644),
		os.WriteFile(strings.TrimSuffix(path, filepath.Ext(path))+".tsv", []byte(TSV(ls)), 0o644))
}
