"""Takes the form of upload.html: shows what was sent, and keeps nothing."""

import hashlib
from html import escape

from _layout import FOOT, HEAD

uploads = [upload for upload in files.values() if upload.filename]

print(HEAD.format(title="Uploaded · Portal"))
print(f"<h1>{len(uploads)} file{'' if len(uploads) == 1 else 's'} received</h1>")
if form.get("comment"):
    print(f'<p class="lead">{escape(form["comment"])}</p>')
for upload in uploads:
    digest = hashlib.file_digest(upload.file, "sha256").hexdigest()
    print(f"""\
<div class="scroll"><table>
<tr><th scope="row">Name</th><td>{escape(upload.filename)}</td></tr>
<tr><th scope="row">Type</th><td>{escape(upload.content_type)}</td></tr>
<tr><th scope="row">Size</th><td>{upload.size:,} bytes</td></tr>
<tr><th scope="row">SHA-256</th><td class="hash">{digest}</td></tr>
</table></div>""")
print('<p><a class="button" href="upload.html">Upload more</a></p>')
print(FOOT)
