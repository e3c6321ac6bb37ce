/* SPDX-License-Identifier: MIT */
/* What bench-sandbox starts: the least that a static program can do. */

int main(void)
{
	return 0;
}
