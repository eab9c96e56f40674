package edge

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/valyala/fasthttp"
)

const minCompressible = 512 // bytes; below it headers weigh more than the gain

// variant is a body in one encoding. The bytes are never changed or reused: connections send them
// without a copy.
type variant struct {
	encoding string // "" is identity
	body     []byte
	etag     []byte
	// local and public are the answer's headers, but for those of the moment; made when they are first needed.
	local, public atomic.Pointer[fasthttp.ResponseHeader]
	// ready are the same as they are sent, see shortcut: for public and local hosts, and each for the page and its 304.
	ready [4]atomic.Pointer[[]byte]
	// file has the body, too, once it was sent often enough, see memfiles.
	file atomic.Pointer[memfile]
	sent atomic.Uint32
}

// newVariants encodes a body quickly, identity first. rough says that polish can do better.
func newVariants(contentType string, body []byte) (v []variant, rough bool, err error) {
	rough = len(body) >= minCompressible && textual(contentType)
	quality := quickGzip
	if !rough {
		quality = gzip.NoCompression
	}
	v, err = encode(body, 0, quality)
	return v, rough, err
}

// encode is a body in every encoding that has a quality, identity first, then by preference; 0: without it.
// Different bytes have different tags.
func encode(body []byte, brotliQuality, gzipQuality int) ([]variant, error) {
	sum := sha256.Sum256(body)
	base := hex.EncodeToString(sum[:12])
	out := []variant{{body: body, etag: []byte(`"` + base + `"`)}}
	for _, to := range []struct {
		name, short string
		how         *compressors
		quality     int
	}{{"br", "br", &brotlis, brotliQuality}, {"gzip", "gz", &gzips, gzipQuality}} {
		if to.quality == 0 {
			continue
		}
		b, err := to.how.compress(body, to.quality)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", to.name, err)
		}
		if len(b) < len(body) {
			out = append(out, variant{encoding: to.name, body: b, etag: fmt.Appendf(nil, `"%s-%s%d"`, base, to.short, to.quality)})
		}
	}
	return out, nil
}

// textual reports whether a content type gains from compression.
func textual(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	switch media = strings.TrimSpace(media); {
	case strings.HasPrefix(media, "text/"), strings.HasSuffix(media, "+json"), strings.HasSuffix(media, "+xml"):
		return true
	}
	switch media {
	case "application/json", "application/javascript", "application/xml", "application/manifest+json":
		return true
	}
	return false
}

// pickVariant picks the first variant that Accept-Encoding allows, compressed ones first. Identity is what
// remains: we do not answer 406 to a client that forbids it.
func pickVariant(variants []variant, accept []byte) *variant {
	if len(accept) > 0 {
		for i := 1; i < len(variants); i++ {
			if acceptsEncoding(accept, variants[i].encoding) {
				return &variants[i]
			}
		}
	}
	return &variants[0]
}

// acceptsEncoding reads Accept-Encoding (RFC 9110, 12.5.3): named with a weight above zero, or not
// named and covered by *.
func acceptsEncoding(accept []byte, name string) bool {
	star := false
	for len(accept) > 0 {
		item, rest, _ := bytes.Cut(accept, []byte{','})
		accept = rest
		coding, weight, weighted := bytes.Cut(item, []byte{';'})
		coding = bytes.TrimSpace(coding)
		ok := !weighted || !zeroWeight(weight)
		if len(coding) == len(name) && strings.EqualFold(string(coding), name) {
			return ok
		}
		if len(coding) == 1 && coding[0] == '*' {
			star = ok
		}
	}
	return star
}

// zeroWeight reports whether a parameter is q=0, q=0.0 and so on.
func zeroWeight(p []byte) bool {
	p = bytes.TrimSpace(p)
	if len(p) < 3 || p[0]|0x20 != 'q' || p[1] != '=' || p[2] != '0' {
		return false
	}
	for _, c := range p[3:] {
		if c != '.' && c != '0' {
			return false
		}
	}
	return true
}
