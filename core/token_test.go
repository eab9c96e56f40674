package core_test

import (
	"net/http"
	"strings"
	"testing"

	"meridian/api"
)

// TestTokenAndCredential: a caller can tell a cluster token that is wrong from a credential that is.
func TestTokenAndCredential(t *testing.T) {
	s := newShop(t)
	for token, marked := range map[string]bool{"another secret": true, secret: false} {
		req, err := http.NewRequest(http.MethodPost, "http://"+s.addr+"/v1/"+api.StaffWhoami.Name, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set(api.HeaderCredential, "staff:nobody's")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized || (resp.Header.Get(api.HeaderClusterToken) != "") != marked {
			t.Errorf("%s: %d %v", token, resp.StatusCode, resp.Header)
		}
	}
}
