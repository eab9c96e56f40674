// Package chaos runs real cores in network namespaces of their own, breaks them and what is between
// and below them, and judges what their clients were told.
//
// It promises that a seed draws the same faults and the same load, that every process, namespace and
// mount ends with it (the kernel sees to that even if it is killed), and that a round counts as passed
// only if every check was made. It needs Linux, root, iproute2, iptables and strace for all faults, and
// says which are left out without them. Read Config and Fault first.
package chaos
