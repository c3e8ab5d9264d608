package verify

import (
	"fmt"

	"github.com/fastpix-operator/fastpix-operator/webhookserver/signature"
)

// Mistake is one reason why a delivery does not verify. It never quotes a secret or a body.
type Mistake struct {
	// Name identifies the mistake for programs.
	Name string `json:"name"`
	// What says what is the case.
	What string `json:"what"`
	// Mend says what to do.
	Mend string `json:"mend"`
}

// String returns the mistake as text for people.
func (m Mistake) String() string { return m.What + " " + m.Mend }

// none is the absence of a mistake.
var none Mistake

const passHeader = "Let every proxy pass the header " + signature.Header + " unchanged."

// Mistakes about the signature.
var (
	signatureMissing = Mistake{"SignatureMissing", "The delivery has no " + signature.Header + ".",
		passHeader + " If nothing removes it, FastPix did not send the request: only its probes have no signature, and their body is empty or {}."}
	signatureRepeated = Mistake{"SignatureRepeated", "The header " + signature.Header + " came more than once, and the receiver refuses that.",
		"Find the proxy that adds the header again, and let it pass the header of FastPix alone."}
	signatureQuoted = Mistake{"SignatureQuoted", "The signature has white space or quotes around it.",
		passHeader + " If you copied the signature, copy it without them."}
	signaturePrefixed = Mistake{"SignaturePrefixed", "The signature has a prefix, such as sha256=, that FastPix does not write.",
		"Remove the prefix in the program that signs."}
	signatureHex = Mistake{"SignatureHex", "The signature is right, but it is written in hexadecimal digits.",
		"Write the HMAC in standard base64, as FastPix does: 44 characters, of which the last is an equals sign."}
	signatureAlphabet = Mistake{"SignatureAlphabet", "The signature is right, but it is written in the URL-safe alphabet of base64.",
		"Use the standard alphabet, with + and /."}
	signatureUnpadded = Mistake{"SignatureUnpadded", "The signature is right, but its padding, the equals sign at the end, is missing.",
		"Look for a program that reads the header as key=value, and let it pass the header unchanged."}
	signatureCase = Mistake{"SignatureCase", "The signature is right but for upper and lower case, which differ in base64.", passHeader}
	signatureCut  = Mistake{"SignatureTruncated", "The end of the signature is missing.",
		passHeader + " If you copied the signature, copy all 44 characters."}
	notASignature = Mistake{"NotASignature", "The text is no signature of FastPix, which is 44 characters of base64 and ends in an equals sign.",
		"Copy the value of the header " + signature.Header + " as it arrived."}
)

func headerNamed(name string) Mistake {
	return Mistake{"HeaderName", fmt.Sprintf("The signature is right, but it came in the header %q. The receiver reads only %s.", name, signature.Header),
		"Find the proxy that renames the header, or write the name right in the program that signs."}
}

const storeSecret = "Store the signing secret as FastPix's dashboard shows it. The field data of a Secret is encoded once more, the field stringData is not encoded at all."

// Mistakes about the signing secret.
var (
	secretEncodedTwice = Mistake{"SecretEncodedTwice", "The signing secret was encoded to base64 once more than FastPix shows it.", storeSecret}
	secretDecoded      = Mistake{"SecretDecoded", "The signing secret is stored decoded; the operator expects it in base64.", storeSecret}
	secretQuoted       = Mistake{"SecretQuoted", "The signing secret has quotes, spaces or line breaks in it.", storeSecret}
	secretAlphabet     = Mistake{"SecretAlphabet", "The signing secret is stored in the URL-safe alphabet of base64.",
		"Store it in the standard alphabet, with + and /."}
	secretAsText = Mistake{"SecretAsText", "The program that signs uses the text of the signing secret as the key.",
		"Decode the signing secret from base64 before you sign with it. FastPix itself does so: this delivery does not come from FastPix."}
)

func secretOf(name string) Mistake {
	return Mistake{"OtherSecret", "The delivery is signed with the signing secret of " + name + ", which does not count here.",
		"Each webhook of FastPix has a secret of its own. Compare the URL of the webhook in FastPix's dashboard with the endpoint's, " +
			"or store the secret of the right webhook."}
}

func secretUnusable(name string, err error) Mistake {
	return Mistake{"SecretInvalid", "The signing secret of " + name + " is not usable: " + err.Error() + ".", storeSecret}
}

const passBody = "Let every proxy pass the body byte for byte, and capture it in the same way: the signature covers each byte."

// Mistakes about the body.
var (
	bodyNewlineAdded = Mistake{"NewlineAdded", "The body has a line break at the end that FastPix did not send.",
		passBody + " Editors, echo and here-documents add one; printf %s does not."}
	bodyNewlineMissing = Mistake{"NewlineMissing", "The line break at the end of the body is missing.",
		passBody + " A shell's $(...) and curl --data @FILE remove line breaks; curl --data-binary @FILE does not."}
	bodyLineBreaks = Mistake{"LineBreaks", "The line breaks of the body were converted between LF and CR LF.", passBody}
	bodySpace      = Mistake{"WhiteSpaceAround", "White space around the body was added or removed.", passBody}
	bodyMark       = Mistake{"ByteOrderMark", "A byte order mark in front of the body was added or removed.", passBody}
	bodyEmpty      = Mistake{"BodyEmpty", "The body is empty.", "Capture the body as well; the signature covers nothing else."}
)

func bodyReencoded(differences string) Mistake {
	return Mistake{"BodyReencoded", "The JSON of the body was read and written again on its way, which changed " + differences + ".",
		passBody + " Turn off what parses and rewrites JSON: API gateways, web application firewalls, logging filters."}
}

func bodyLooksReencoded(why string) Mistake {
	return Mistake{"BodyReencoded", "The body looks as if a proxy read its JSON and wrote it again: " + why + ". What FastPix sent cannot be computed from it.",
		passBody + " Turn off what parses and rewrites JSON: API gateways, web application firewalls, logging filters."}
}

var unexplained = Mistake{"Unknown", "The signature fits none of the signing secrets, and no usual mistake explains it.",
	"Compare the fingerprint of the secret with the one in the endpoint's status. If FastPix sent the delivery, another webhook's or an older secret signed it, " +
		"or the body was changed in a way that cannot be computed back. Otherwise the delivery is forged."}
