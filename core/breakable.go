//go:build breakable

package core

// Break switches off what keeps the shop right, for the tests that have to fail then: "dedupe" makes
// repeated keys count as new ones. It reports whether it knows the name. Programs that are shipped are
// built without the tag, and have no such switch.
func (m *Machine) Break(name string) bool {
	switch name {
	case "dedupe":
		m.skipDedupe = true
	default:
		return false
	}
	return true
}
