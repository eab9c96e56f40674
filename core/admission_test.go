package core_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	"meridian/api"
)

// postFrame sends n adjustments by -1 as one frame.
func (s *shop) postFrame(name, sku string, n int) (status int, retry string, body []byte) {
	f := api.Frame{}
	for i := range n {
		f.Calls = append(f.Calls, api.FrameCall{Name: api.StockAdjust.Name, Key: fmt.Sprintf("%s-%d", name, i), Credential: "staff:" + s.staff, DeadlineMS: 20_000,
			Compact: true, Body: string(api.AdjustStock{SKU: sku, Delta: -1}.AppendCompact(nil))})
	}
	req, err := http.NewRequest(http.MethodPost, "http://"+s.addr+"/v1/frame", bytes.NewReader(f.Append(nil)))
	if err != nil {
		s.t.Error(err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	req.Header.Set("Content-Type", api.FrameType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Error(err)
		return
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	if err != nil {
		s.t.Error(err)
	}
	return resp.StatusCode, resp.Header.Get("Retry-After"), body
}

// TestFramesAreBounded: with as many calls inside as may be, another frame is told to come again before it is
// read; nothing of it is done, and everything that was let in is.
func TestFramesAreBounded(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 20_000)
	const perFrame, frames = 256, 64 // the limit, 16384
	open := make(chan struct{})
	s.log.mu.Lock()
	s.log.refuse = func([]byte) error {
		<-open
		return nil
	}
	s.log.mu.Unlock()
	var wg sync.WaitGroup
	for i := range frames {
		wg.Go(func() {
			status, _, body := s.postFrame(fmt.Sprintf("in-%d", i), "A", perFrame)
			if out, err := api.ParseFrameResults(body, perFrame); status != 200 || err != nil || out.Results[perFrame-1].Status != 200 {
				t.Errorf("a frame that was let in got %d, %v", status, err)
			}
		})
	}
	eventually(t, "every frame to be inside", func() bool {
		inside, _, _ := s.server.Frames()
		return inside == perFrame*frames
	})
	status, retry, body := s.postFrame("out", "A", 1)
	if status != 503 || retry == "" || !bytes.Contains(body, []byte(`"overloaded"`)) {
		t.Errorf("one more got %d %q %s", status, retry, body)
	}
	if got := get(s, api.StatusCheck, api.None{}, api.Call{}); got.ID != "core-1" {
		t.Errorf("the status is not answered: %+v", got)
	}
	close(open)
	wg.Wait()
	s.wantStock("A", 20_000-perFrame*frames, 0)
	if status, _, body := s.postFrame("out", "A", 1); status != 200 {
		t.Errorf("afterwards it got %d %s", status, body)
	}
	if inside, waiting, refused := s.server.Frames(); inside != 0 || waiting != 0 || refused != 1 {
		t.Errorf("left behind: %d inside, %d waiting; %d refused", inside, waiting, refused)
	}
}
