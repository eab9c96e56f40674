package main

import (
	"fmt"

	"meridian/core/seal"
)

// makeKeyring makes the key ring that all cores share, unless it is there.
func makeKeyring(path string) error {
	if _, err := seal.OpenKeyring(path, true); err != nil {
		return fmt.Errorf("key ring %s: %w", path, err)
	}
	return nil
}
