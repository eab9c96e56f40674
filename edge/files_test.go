package edge

import (
	"context"
	"testing"

	"meridian/api"
	"meridian/assets"
)

// shelf holds files in memory.
type shelf map[string][]byte

func (s shelf) Open(_ context.Context, key string) ([]byte, string, error) {
	body, ok := s[key]
	if !ok {
		return nil, "", notFound("There is no such file.")
	}
	return body, "image/jpeg", nil
}

func (s shelf) Put(_ context.Context, name, _, _ string, body []byte) (api.Asset, error) {
	s["stem-640.jpg"] = body
	return api.Asset{Name: name, Kind: "image", Stem: "stem"}, nil
}

func TestFiles(t *testing.T) {
	f := newShopFixture(t, func(c *ShopConfig) { c.Files = shelf{"mug-1-640.jpg": []byte("jpeg-bytes")} })
	a := f.do("GET", "/assets/mug-1-640.jpg", "").must(t, 200, "jpeg-bytes")
	if a.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
		t.Errorf("Cache-Control %q", a.Header.Get("Cache-Control"))
	}
	f.do("GET", "/assets/mug-1-640.jpg", "", "Range", "bytes=5-").must(t, 206, "bytes")
	f.do("GET", "/assets/none.jpg", "").must(t, 404)
	f.do("GET", "/assets/.hidden", "").must(t, 404)

	f.core.says("staff.whoami", api.StaffIdentity{Role: roleMerchandiser})
	f.core.says("staff.assets.put", api.Asset{Name: "cup.png", Stem: "stem"})
	f.do("POST", "/admin/api/v1/assets?name=cup.png", "png-bytes", "Authorization", staffToken, "Content-Type", "image/png").must(t, 201, `"stem":"stem"`)
	f.do("GET", "/assets/stem-640.jpg", "").must(t, 200, "png-bytes")
	f.do("POST", "/admin/api/v1/assets?name=cup.gif", "gif", "Authorization", staffToken, "Content-Type", "image/gif").must(t, 415)
	f.do("PUT", "/admin/api/v1/assets/cup.png", `{"name":"mug.png","stem":"s"}`, "Authorization", staffToken).must(t, 422)
	f.core.says("staff.whoami", api.StaffIdentity{Role: roleOperator})
	f.do("POST", "/admin/api/v1/assets?name=cup.png", "png", "Authorization", staffToken, "Content-Type", "image/png").must(t, 403)
}

// A dead S3 server costs the pictures and nothing else.
func TestFilesAreDown(t *testing.T) {
	store, err := assets.New(assets.Config{Endpoint: "127.0.0.1:1", AccessKey: "a", SecretKey: "s", Bucket: "b"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	f := newShopFixture(t, func(c *ShopConfig) { c.Files = Pictures{store} })
	a := f.do("GET", "/assets/mug-1-640.jpg", "").must(t, 503, "<svg")
	if a.Header.Get("Content-Type") != "image/svg+xml" || a.Header.Get("Retry-After") == "" {
		t.Errorf("headers %v", a.Header)
	}
	f.do("GET", "/assets/mug.mp4", "").must(t, 503, "Pictures are not available")
	f.do("GET", "/products/mug", "").must(t, 200, "€19.99")
	f.core.says("staff.whoami", api.StaffIdentity{Role: roleMerchandiser})
	f.do("POST", "/admin/api/v1/assets?name=cup.mp4", "not a film", "Authorization", staffToken, "Content-Type", "video/mp4").must(t, 415, `"code":"unsupported_media_type"`)
}
