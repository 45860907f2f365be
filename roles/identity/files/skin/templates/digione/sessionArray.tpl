<h3 class="heading-s" trspan="<TMPL_IF NAME="displayError">lastFailedLogins<TMPL_ELSE>lastLogins</TMPL_IF>"></h3>
<table class="hds-table hds-table--light">
  <thead>
    <tr class="hds-table__header-row">
      <th scope="col" trspan="date"></th>
      <th scope="col" trspan="ipAddr"></th>
      <TMPL_IF NAME="displayError"><th scope="col" trspan="errorMsg"></th></TMPL_IF>
    </tr>
  </thead>
  <tbody class="hds-table__content">
    <TMPL_LOOP NAME="sessions">
    <tr>
      <td class="localeDate" val="<TMPL_VAR NAME="utime">"></td>
      <td><TMPL_VAR NAME="ip"></td>
      <TMPL_IF NAME="displayError"><td trspan="PE<TMPL_VAR NAME="error">"></td></TMPL_IF>
    </tr>
    </TMPL_LOOP>
  </tbody>
</table>
