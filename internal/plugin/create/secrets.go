package create

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/fastpixapi"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/signature"
)

// readSecrets reads the files that the flags name. Errors never quote what is in them.
func (o *options) readSecrets(ctx context.Context, s *setUp) error {
	if o.signingSecretFile != "" {
		content, err := o.ReadSecretFile(ctx, o.signingSecretFile, "the signing secret")
		if err != nil {
			return err
		}
		if s.signingSecret, err = signingSecret(content); err != nil {
			return err
		}
	}
	if o.apiTokenFile != "" {
		content, err := o.readAPIToken(ctx)
		if err != nil {
			return err
		}
		if s.apiToken, err = apiToken(content); err != nil {
			return err
		}
	}
	return nil
}

// readAPIToken reads the file with the access token. In a terminal it asks for the two parts, because a line is all that can be pasted.
func (o *options) readAPIToken(ctx context.Context) ([]byte, error) {
	if o.apiTokenFile != "-" || !o.Asks() {
		return o.ReadSecretFile(ctx, o.apiTokenFile, "the access token")
	}
	var lines []byte
	for _, part := range []struct{ key, what string }{
		{fastpixv1.APICredentialsTokenIDKey, "the token id of the access token"}, {fastpixv1.APICredentialsSecretKeyKey, "the secret key of the access token"},
	} {
		pasted, err := o.ReadSecretFile(ctx, "-", part.what)
		if err != nil {
			return nil, err
		}
		lines = fmt.Appendf(lines, "%s=%s\n", part.key, bytes.TrimPrefix(bytes.TrimSpace(pasted), []byte(part.key+"=")))
	}
	return lines, nil
}

// signingSecret returns the content of the Secret, or says what is wrong with it.
func signingSecret(content []byte) (map[string][]byte, error) {
	key, err := signature.ParseKey(content)
	switch {
	case err != nil:
		return nil, err
	case key.Encoded():
		return nil, errors.New("the signing secret looks as if it was encoded to base64 once more than FastPix shows it: store it exactly as the dashboard shows it")
	}
	return map[string][]byte{fastpixv1.DefaultSigningSecretKey: bytes.TrimSpace(content)}, nil
}

// apiToken returns the content of the Secret from a file with a line for each key, or says what is wrong with it.
func apiToken(content []byte) (map[string][]byte, error) {
	found := map[string][]byte{}
	for line := range bytes.Lines(content) {
		key, value, _ := bytes.Cut(line, []byte("="))
		switch name := string(bytes.TrimSpace(key)); name {
		case "":
		case fastpixv1.APICredentialsTokenIDKey, fastpixv1.APICredentialsSecretKeyKey:
			found[name] = bytes.TrimSpace(value)
		default: // the line may be a secret, so it is not quoted
			return nil, fmt.Errorf("the file with the access token has a line that begins neither with %s= nor with %s=", fastpixv1.APICredentialsTokenIDKey, fastpixv1.APICredentialsSecretKeyKey)
		}
	}
	if _, err := fastpixapi.NewCredentials(found[fastpixv1.APICredentialsTokenIDKey], found[fastpixv1.APICredentialsSecretKeyKey]); err != nil {
		return nil, err
	}
	return found, nil
}
