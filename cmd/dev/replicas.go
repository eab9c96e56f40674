package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"meridian/api"
)

// compareReplicas asks every core for its running state hash until all have answered from the same
// index, and then holds the hashes against each other: equal hashes are equal stock ledgers.
func (s *sale) compareReplicas(ctx context.Context, r *reckoning) error {
	token, err := readSecret(s.opts.path("secrets", "cluster.token"))
	if err != nil {
		return err
	}
	client := newHTTP(s.opts.regions)
	defer client.CloseIdleConnections()
	// An idle leader writes a tick each second, so equal indexes are there between two ticks.
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline) && ctx.Err() == nil; {
		all, err := s.statuses(ctx, client, token)
		if err != nil || !sameIndex(all) {
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
			continue
		}
		for _, n := range all[1:] {
			if n.Hash != all[0].Hash {
				r.replicas = "differ"
				r.off("at index %s, %s has hash %s and %s has %s", n.Index, n.ID, n.Hash, all[0].ID, all[0].Hash)
				return nil
			}
		}
		r.replicas = fmt.Sprintf("%d with hash %.16s at index %s", len(all), all[0].Hash, all[0].Index)
		return nil
	}
	r.replicas = "not compared"
	r.off("the cores did not reach one index within 15 s")
	return nil
}

func (s *sale) statuses(ctx context.Context, client *http.Client, token string) (all []api.NodeStatus, err error) {
	for i := range s.opts.regions {
		var n api.NodeStatus
		core := newVisitor("http://"+s.opts.ports.core(i), token, client)
		if err := core.do(ctx, http.MethodPost, "/v1/"+api.StatusCheck.Name, "", jsonBody(api.None{}), &n); err != nil {
			return nil, err
		}
		if n.Hash == "" {
			return nil, errors.New("a core without a hash")
		}
		all = append(all, n)
	}
	return all, nil
}

func sameIndex(all []api.NodeStatus) bool {
	for _, n := range all[1:] {
		if n.Index != all[0].Index {
			return false
		}
	}
	return true
}
