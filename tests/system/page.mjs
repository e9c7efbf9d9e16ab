// SPDX-License-Identifier: MIT
// page.mjs PAGE BADGE TEXT [SHOTS]: PAGE shows BADGE and the sentence that TEXT begins with, fits into narrow and
// wide windows, in light and dark, runs no script and asks for nothing. SHOTS: where screenshots go.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import assert from 'node:assert/strict';

const { chromium } = createRequire(import.meta.url)(process.env.PLAYWRIGHT);
const [page_path, badge, text_path, shots] = process.argv.slice(2);
const said = readFileSync(text_path, 'utf8');

async function look(browser, width, scheme) {
	const context = await browser.newContext({
		viewport: { width, height: 900 },
		colorScheme: scheme,
		javaScriptEnabled: false,
	});
	const page = await context.newPage();
	const asked = [];

	page.on('request', (r) => asked.push(r.url()));
	await page.goto('file://' + page_path);
	assert.equal(asked.length, 1, 'it asks for ' + asked);
	assert.equal((await page.textContent('.badge')).trim(), badge);

	const sentence = (await page.textContent('h1')).trim();
	assert.ok(said.replace(/\s+/g, ' ').includes(sentence), 'the text does not say: ' + sentence);
	if (shots)
		await page.screenshot({ path: `${shots}-${width}-${scheme}.png`, fullPage: true });

	const body = await page.locator('body').boundingBox();
	const html = await page.content();
	assert.ok(body.width <= width, `the body is ${body.width} wide in ${width}`);
	assert.ok(!html.includes('<script'), 'there is a script');
	for (const box of await page.locator('h1, h2, h3, p, li, table.facts, svg.strip, .dumps, .req').all()) {
		const at = await box.boundingBox();
		assert.ok(!at || at.x + at.width <= width + 1, `${await box.textContent()} leaves the window`);
	}
	await context.close();
	return html;
}

// How light a colour of the computed style is, 0 to 255.
async function background(browser, scheme) {
	const context = await browser.newContext({ colorScheme: scheme });
	const page = await context.newPage();

	await page.goto('file://' + page_path);
	const colour = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
	await context.close();
	return Number(colour.match(/\d+/)[0]);
}

const browser = await chromium.launch({
	executablePath: '/usr/bin/chromium',
	args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
});
try {
	for (const width of [1280, 400])
		for (const scheme of ['light', 'dark'])
			await look(browser, width, scheme);
	assert.ok((await background(browser, 'light')) > 200, 'light is not light');
	assert.ok((await background(browser, 'dark')) < 60, 'dark is not dark');
} finally {
	await browser.close();
}
