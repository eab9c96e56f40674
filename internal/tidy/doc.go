// Package tidy holds no code: its tests hold the rules that keep the repository in one piece, and
// say why a rule is there when it breaks. Read rules.go first; a rule that is wrong is changed there,
// together with its reason.
package tidy
