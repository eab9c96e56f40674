package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"meridian/internal/durable"
)

// ownerFile names the node that a data directory belongs to.
const ownerFile = "node-id"

// Claim writes a node's name into its data directory, or refuses one that has another's: its log and votes
// are of a member that this node is not, and it would wait for a leader for ever.
func Claim(dir, id string) error {
	path := filepath.Join(dir, ownerFile)
	b, err := os.ReadFile(path)
	switch owner := strings.TrimSpace(string(b)); {
	case errors.Is(err, os.ErrNotExist):
		return durable.WriteFile(path, []byte(id+"\n"), 0o600)
	case err != nil:
		return fmt.Errorf("data directory: %w", err)
	case owner == "":
		return fmt.Errorf("--data: %s is empty, and it names the node that the directory belongs to; if that is %s for certain, write its name there (echo %s > %s), otherwise give this node a directory of its own", path, id, id, path)
	case owner != id:
		return fmt.Errorf("--data: %s is the data directory of %s, and this node is %s; start it with --id %s, or with a directory of its own", dir, owner, id, owner)
	}
	return nil
}
