// Package nodetls is how the nodes of a cluster know each other: mutual TLS 1.3, in which a
// certificate says which role a node has and which name.
//
// It promises that both ends are checked against the cluster's own CA, that a node which dials gets
// exactly the node it asked for, that a listener admits only the roles it names, and that files which
// change on disk count from the next handshake on, without a restart. It refuses names of hosts: an
// address may change, who somebody is may not. Read Identity and Source first.
package nodetls
