// Package demo holds the demo's catalogue as files; its tests say what makes the catalogue whole.
// Read README.md for where each file comes from.
package demo
